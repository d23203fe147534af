/**
 * EUK-FORM-P with every kind of key that OpenSSL makes, assigned by either side, and Q2: a pre-shared key that is imported
 * and used.
 */
import { randomBytes } from 'node:crypto';
import { parseCertificate } from '@cpns/certificate-issuance';
import { opensslVerify } from '@cpns/certificate-issuance/testing';
import { KeyState } from '@cpns/contracts';
import { duration, EntityUserKey, systemClock } from '@cpns/core';
import { deriveKeyId } from '@cpns/key-derivation';
import { Deployment } from '@cpns/testing';
import { CAPABILITIES } from '../support/local-device';
import { certifyOpensslKey, KEY_KINDS, type KeyKind } from './openssl-holder';

const GATEWAY = 'pn1/gw1';
const KINDS = Object.keys(KEY_KINDS) as KeyKind[];
const say = (text: string) => process.stdout.write(`${text}\n`);

describe('keys of every kind', () => {
  let deployment: Deployment;
  let cases = 0;

  beforeAll(async () => {
    deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], services: ['cpns-server'] });
  });
  afterAll(async () => {
    await deployment.stop();
    say(`key-kinds: ${cases} of ${KINDS.length * 2 + 1} cases`);
  });

  const sides = ['server', GATEWAY] as const;
  const pairs = KINDS.flatMap((kind) => sides.map((assigner) => [kind, assigner] as const));

  it.each(pairs)('a CSR with a key of %s, assigned by %s', async (kind, assigner) => {
    const holder = await certifyOpensslKey(deployment, { kind, assigner, gateway: GATEWAY });
    const [leaf] = holder.chain;
    expect(parseCertificate(leaf ?? Buffer.alloc(0)).keyKind).toBe(kind);
    expect(opensslVerify({ chain: holder.chain, at: Date.now() })).toMatchObject({ accepted: true });
    const { key } = await deployment.operator.entityUserKeys.getEntityUserKey({ entity: holder.entity });
    const expectedAssigner = assigner === 'server' ? deployment.uri('cpns-server') : deployment.uri(GATEWAY);
    expect(key).toMatchObject({ state: KeyState.KEY_STATE_LIVE, assigner: expectedAssigner });
    expect(key?.keyId.toString('hex')).toBe(holder.keyId);
    const before = systemClock.now();
    expect(await holder.report(CAPABILITIES)).toBeGreaterThanOrEqual(before - duration(1, 'second'));
    cases++;
    say(
      `${kind.padEnd(9)} by ${assigner.padEnd(8)} certificate verified by OpenSSL, registered, used: key ${holder.keyId}`,
    );
  });

  it('a pre-shared key, imported at the Server and used by the device (Q2)', async () => {
    const preSharedKey = randomBytes(32);
    const entity = deployment.entity('pn1', 'pne', 'pre-shared');
    const device = { entity, gateway: GATEWAY, preSharedKey } as const;
    // before the import the device has a key that nobody knows
    await expect(deployment.device(device)).rejects.toThrow('KEY_UNKNOWN');
    const keyId = await deployment.operator.importKey(entity, '', preSharedKey, duration(1, 'day'));
    const { result } = await deployment.device(device);
    expect(keyId.toString('hex')).toBe(deriveKeyId(new EntityUserKey(preSharedKey)));
    expect(result).toMatchObject({ entity, form: 'secret', keyId: keyId.toString('hex') });
    cases++;
    say(`pre-shared key: refused before its import, used after it: key ${result.keyId ?? ''}`);
  });
});
