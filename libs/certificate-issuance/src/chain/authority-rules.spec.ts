/** Every rule for a gateway CA, as the issuing CA would break it. */
import { duration } from '@cpns/core';
import { reasonOf } from '@cpns/core/testing';
import type { Asn1 } from '../der/asn1';
import { emptyName } from '../der/distinguished-name';
import { personalNetworkOnly } from '../extensions/name-constraints';
import {
  CAMERA,
  createTestWorld,
  extensions,
  field,
  GATEWAY,
  mint,
  names,
  PN1,
  PN2,
  replaced,
  uri,
  without,
  type Alteration,
  type TestWorld,
} from '../testing';
import { verifyChain } from './verify-chain';

let world: TestWorld;
beforeAll(async () => {
  world = await createTestWorld();
});

const verify = (chain: readonly Uint8Array[], now = world.clock.now()) => verifyChain({ chain, root: world.root, now });
const verdict = (chain: readonly Uint8Array[], now?: number) => reasonOf(() => verify(chain, now));

const SERVER_AUTH = (list: Asn1[]) => replaced(list, 'extendedKeyUsage', ['serverAuth', 'clientAuth'], false);
const DAY = duration(1, 'day');

describe('an authority that the one above it signed against the rules', () => {
  const CASES: [string, string, Alteration][] = [
    [
      'a path length of 1',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'basicConstraints', { ca: true, pathLength: 1 }, true)),
    ],
    [
      'no path length',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'basicConstraints', { ca: true }, true)),
    ],
    [
      'no authority at all',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'basicConstraints', { ca: false }, true)),
    ],
    ['no name constraints', 'CERTIFICATE_CHAIN', extensions((list) => without(list, 'nameConstraints'))],
    [
      'name constraints of another PN',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', personalNetworkOnly(PN2), true)),
    ],
    [
      'name constraints for everything below',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', personalNetworkOnly(`.${PN1}`), true)),
    ],
    [
      'name constraints not critical',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', personalNetworkOnly(PN1), false)),
    ],
    [
      'name constraints that exclude nothing',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'nameConstraints', { ...personalNetworkOnly(PN1), excluded: [] }, true)),
    ],
    ['no gateway named', 'CERTIFICATE_CHAIN', extensions((list) => without(list, 'subjectAlternativeName'))],
    ['a PNE named', 'CERTIFICATE_CHAIN', names(uri(CAMERA))],
    ['servers among its purposes', 'CERTIFICATE_CHAIN', extensions(SERVER_AUTH)],
    [
      'no signing of certificates',
      'CERTIFICATE_CHAIN',
      extensions((list) => replaced(list, 'keyUsage', ['cRLSign'], true)),
    ],
    ['no name', 'CERTIFICATE_CHAIN', field(5, () => emptyName())],
  ];

  it.each(CASES)('a gateway CA with %s: %s', async (_what, reason, edit) => {
    expect(verdict(await chainUnder({}))).toBe('accepted');
    expect(verdict(await chainUnder(edit))).toBe(reason);
  });

  it('a gateway CA that has expired, or is not valid yet', async () => {
    const now = world.clock.now();
    const between = (from: number, to: number) => ({ notBefore: now + from * DAY, notAfter: now + to * DAY });
    const under = async (from: number, to: number) => verdict(await chainUnder(between(from, to), between(-1, 1)));
    expect(await under(-2, 2)).toBe('accepted');
    expect(await under(0.5, 2)).toBe('CERTIFICATE_EXPIRED');
    expect(verdict(await chainUnder(between(-3, -1), between(-3, -2)))).toBe('CERTIFICATE_EXPIRED');
    expect(await under(-2, 0.5)).toBe('CERTIFICATE_CHAIN');
  });

  /** A leaf under a gateway CA that was altered: the leaf itself is right. */
  async function chainUnder(edit: Alteration, leafEdit: Alteration = {}): Promise<readonly Buffer[]> {
    const { gatewayCa, pki } = world;
    const key = gatewayCa.signer.publicKey;
    const { notAfter } = gatewayCa.certificate;
    const authority = await mint(pki.issuingCa.issuer, { profile: 'gateway-ca', uri: GATEWAY, key, notAfter, ...edit });
    const leaf = await mint(gatewayCa, { profile: 'target-entity', uri: CAMERA, key: world.leafKey, ...leafEdit });
    return [leaf, authority, ...pki.issuingCa.chain];
  }
});
