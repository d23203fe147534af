import {
  createCsr,
  createIssuer,
  issueCertificate,
  newPrivateKey,
  signerFromPkcs8,
  type Issuer,
} from '@cpns/certificate-issuance';
import { AssignmentRequest, type AssignmentReply, checkAssignment } from '@cpns/contracts';
import { PrivateKeyDer, systemRandom, type Reason } from '@cpns/core';
import { FakeClock, flipped } from '@cpns/core/testing';
import { enrolReplyMac } from '@cpns/key-derivation';
import fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { ENTITY, FakeAssigner, GATEWAY, issueTo, SERVER, type Admit } from '../testing/fake-assigner';
import { acceptAssignment, type OwnKey, type PendingAssignment, prepareAssignment, receivingStep } from './assignment';
import { METHODS, routeOf } from './admitted';

const clock = new FakeClock();
/** Keys and certificates are made in each test, on machines that do other things besides. */
jest.setTimeout(30_000);

let assigner: FakeAssigner;

beforeAll(async () => {
  assigner = await FakeAssigner.create(clock);
});

const pendingFor = (admit: Admit, own?: OwnKey) =>
  prepareAssignment(assigner.admit(admit), assigner.root, systemRandom, own);

const replyTo = ({ request, admitted }: PendingAssignment) =>
  assigner.assign(AssignmentRequest.decode(request), routeOf(admitted).method);

const refusal = (reason: string) => expect.objectContaining({ reason }) as Error;
const accept = (pending: PendingAssignment, reply: AssignmentReply | undefined, now = clock.now()) =>
  acceptAssignment(pending, reply, now);

describe('an assignment', () => {
  it.each([
    ['secret', 'server', 'EUK-SRV-S', 5],
    ['key-pair', 'server', 'EUK-SRV-P', 5],
    ['secret', 'gateway', 'EUK-GW-S', 6],
    ['key-pair', 'gateway', 'EUK-GW-P', 6],
  ] as const)('form %s from the %s is %s', async (form, by, flow, step) => {
    const pending = await pendingFor({ form, by, user: 'alice' });
    const assigned = accept(pending, await replyTo(pending));
    expect(assigned.form).toBe(form);
    expect(assigned.assigner).toBe(by === 'server' ? SERVER : GATEWAY);
    expect(assigned.notAfter).toBeGreaterThan(clock.now());
    expect(receivingStep(pending.admitted, assigned)).toEqual({ flow, step });
  });

  it('opens the very secret that the Server keeps', async () => {
    const pending = await pendingFor({ form: 'secret', by: 'server' });
    const assigned = accept(pending, await replyTo(pending));
    if (assigned.form !== 'secret') throw new Error('another form');
    expect(assigned.secret.equals(assigner.keys.get(ENTITY)!)).toBe(true);
    expect(assigned.seed).toBeUndefined();
  });

  it('gets a second seed from a gateway', async () => {
    const pending = await pendingFor({ form: 'secret', by: 'gateway' });
    const assigned = accept(pending, await replyTo(pending));
    expect(assigned).toMatchObject({ form: 'secret', seed: { firstSeedId: 'seed-1' } });
  });

  it.each<[string, () => PrivateKeyDer]>([
    ['RSA-2048', () => exported(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)],
    ['Ed25519', () => exported(generateKeyPairSync('ed25519').privateKey)],
  ])('certifies a %s key that the device has already', async (_kind, make) => {
    const privateKey = make();
    const pending = await pendingFor({ form: 'key-pair', by: 'gateway' }, { privateKey });
    const assigned = accept(pending, await replyTo(pending));
    expect(assigned).toMatchObject({ form: 'key-pair', privateKey });
  });

  it('leaves the private key of a CSR where it is', async () => {
    const csr = await createCsr(signerFromPkcs8(newPrivateKey()));
    const pending = await pendingFor({ form: 'key-pair', by: 'server' }, { csr });
    expect(pending.privateKey).toBeUndefined();
    const assigned = accept(pending, await replyTo(pending));
    expect(assigned).not.toHaveProperty('privateKey');
  });

  it('gets the same reply for the same bytes, and opens it again', async () => {
    const pending = await pendingFor({ form: 'secret', by: 'gateway' });
    const [first, second] = [await replyTo(pending), await replyTo(pending)];
    expect(second).toEqual(first);
    expect(accept(pending, second)).toEqual(accept(pending, first));
  });

  it('puts a request together that every verifier reads as it was meant', async () => {
    const id = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/);
    await fc.assert(
      fc.asyncProperty(id, id, fc.option(id, { nil: '' }), async (tokenId, entityId, user) => {
        const entity = `cpns://pn1.example.org/pne/${entityId}`;
        const pending = await pendingFor({ form: 'secret', by: 'server', entity, user, tokenId });
        const { enrol } = checkAssignment(AssignmentRequest.decode(pending.request), METHODS.assign);
        expect(enrol).toMatchObject({
          tokenId,
          entity,
          user,
          gateway: GATEWAY,
          form: 'secret',
          method: METHODS.assign,
        });
        expect(accept(pending, await replyTo(pending)).form).toBe('secret');
      }),
      { numRuns: 25 },
    );
  });
});

const exported = (key: ReturnType<typeof generateKeyPairSync>['privateKey']) =>
  new PrivateKeyDer(key.export({ format: 'der', type: 'pkcs8' }));

type Alter = (
  reply: AssignmentReply,
  pending: PendingAssignment,
) => AssignmentReply | undefined | Promise<AssignmentReply>;

/** Changes fields of the reply that there is. */
const altered =
  (change: {
    secret?: (r: SecretReply) => Partial<SecretReply>;
    certificate?: (r: CertificateReply) => Partial<CertificateReply>;
  }): Alter =>
  ({ reply }) => {
    if (reply?.$case === 'secret')
      return { reply: { $case: 'secret', value: { ...reply.value, ...change.secret?.(reply.value) } } };
    if (reply?.$case === 'certificate')
      return { reply: { $case: 'certificate', value: { ...reply.value, ...change.certificate?.(reply.value) } } };
    throw new Error('no reply to alter');
  };
type ReplyOf<C> = Extract<NonNullable<AssignmentReply['reply']>, { $case: C }> extends { value: infer V } ? V : never;
type SecretReply = ReplyOf<'secret'>;
type CertificateReply = ReplyOf<'certificate'>;

/** A chain in place of the one that was sent, under a MAC that fits it: what only the assigner itself could do. */
const vouchedFor =
  (chainOf: (pending: PendingAssignment) => Promise<readonly Buffer[]>): Alter =>
  async (_reply, pending) => {
    const chain = await chainOf(pending);
    const { enrol } = checkAssignment(AssignmentRequest.decode(pending.request), routeOf(pending.admitted).method);
    const credential = { tokenId: enrol.tokenId };
    const mac = enrolReplyMac(pending.authKey, { credential, key: enrol.key, nonce: enrol.nonce, chain });
    return { reply: { $case: 'certificate', value: { chain: [...chain], mac } } };
  };

/** What that authority issues for the key of the request, to whomever it likes. */
async function issuedTo(pending: PendingAssignment, issuer: Issuer, uri: string): Promise<readonly Buffer[]> {
  const { csr } = checkAssignment(AssignmentRequest.decode(pending.request), METHODS.assign);
  const context = { clock, random: systemRandom };
  return (await issueCertificate(issuer, { profile: 'target-entity', uri, key: csr!.key }, context)).chain;
}

describe('a reply is refused', () => {
  const another: Alter = async (_reply, { admitted }) => {
    const other = await pendingFor({ form: admitted.form, by: 'gateway' });
    return replyTo(other);
  };
  const serverCa = () => assigner.authorities.pki.serverEntityCa.issuer;

  it.each<[string, Admit, Alter, Reason]>([
    ['missing', { form: 'secret', by: 'server' }, () => undefined, 'FIELD_MISSING'],
    ['empty', { form: 'secret', by: 'server' }, () => ({ reply: undefined }), 'FIELD_MISSING'],
    ['for another request', { form: 'secret', by: 'gateway' }, another, 'REPLY_MAC'],
    ['for another request, certificate', { form: 'key-pair', by: 'gateway' }, another, 'REPLY_MAC'],
    [
      'of the other form',
      { form: 'secret', by: 'server' },
      async () => replyTo(await pendingFor({ form: 'key-pair', by: 'server' })),
      'FIELD_MISSING',
    ],
    [
      'with an altered ciphertext',
      { form: 'secret', by: 'gateway' },
      altered({ secret: ({ ciphertext }) => ({ ciphertext: flipped(ciphertext) }) }),
      'REPLY_MAC',
    ],
    [
      'truncated',
      { form: 'secret', by: 'gateway' },
      altered({ secret: ({ ciphertext }) => ({ ciphertext: ciphertext.subarray(1) }) }),
      'FIELD_SIZE',
    ],
    [
      'with an enc that is no point',
      { form: 'secret', by: 'server' },
      altered({ secret: ({ enc }) => ({ enc: flipped(enc, 64) }) }),
      'MALFORMED_MESSAGE',
    ],
    [
      'with a later end',
      { form: 'secret', by: 'server' },
      altered({ secret: ({ notAfter }) => ({ notAfter: notAfter + 1n }) }),
      'REPLY_MAC',
    ],
    [
      'as from a gateway when it is the Server’s',
      { form: 'secret', by: 'server' },
      altered({ secret: () => ({ firstSeedId: 'seed-1' }) }),
      'FIELD_SIZE',
    ],
    [
      'as from the Server when it is a gateway’s',
      { form: 'secret', by: 'gateway' },
      altered({ secret: () => ({ firstSeedId: '' }) }),
      'FIELD_SIZE',
    ],
    [
      'with another first seed',
      { form: 'secret', by: 'gateway' },
      altered({ secret: () => ({ firstSeedId: 'seed-2' }) }),
      'REPLY_MAC',
    ],
    [
      'with a first-seed-id that is none',
      { form: 'secret', by: 'gateway' },
      altered({ secret: () => ({ firstSeedId: '../x' }) }),
      'NAME_INVALID',
    ],
    [
      'with another MAC',
      { form: 'key-pair', by: 'server' },
      altered({ certificate: ({ mac }) => ({ mac: flipped(mac) }) }),
      'REPLY_MAC',
    ],
    [
      'with a chain that was cut',
      { form: 'key-pair', by: 'server' },
      altered({ certificate: ({ chain }) => ({ chain: chain.slice(0, -1) }) }),
      'REPLY_MAC',
    ],
    [
      'with an altered certificate',
      { form: 'key-pair', by: 'gateway' },
      altered({ certificate: ({ chain: [leaf, ...rest] }) => ({ chain: [flipped(leaf!, 40), ...rest] }) }),
      'REPLY_MAC',
    ],
    [
      'for another entity, by the assigner itself',
      { form: 'key-pair', by: 'server' },
      vouchedFor((p) => issuedTo(p, serverCa(), 'cpns://pn1.example.org/pne/camera-2')),
      'TOKEN_OTHER_ENTITY',
    ],
    [
      'for a user that was not admitted',
      { form: 'key-pair', by: 'server' },
      vouchedFor((p) => issuedTo(p, serverCa(), `${ENTITY}?user=mallory`)),
      'TOKEN_OTHER_ENTITY',
    ],
    [
      'for another key',
      { form: 'key-pair', by: 'server' },
      vouchedFor(async () => (await issueTo(serverCa(), { profile: 'target-entity', uri: ENTITY }, clock)).chain),
      'REPLY_MAC',
    ],
    [
      'under another root',
      { form: 'key-pair', by: 'server' },
      vouchedFor(async (p) =>
        issuedTo(p, (await FakeAssigner.create(clock)).authorities.pki.serverEntityCa.issuer, ENTITY),
      ),
      'CERTIFICATE_CHAIN',
    ],
    [
      'by another gateway of the PN',
      { form: 'key-pair', by: 'gateway' },
      vouchedFor(byAnotherGateway),
      'ISSUER_NOT_ASSIGNER',
    ],
  ])('%s', async (_what, admit, alter, reason) => {
    const pending = await pendingFor(admit);
    const reply = await replyTo(pending);
    expect(accept(pending, reply)).toBeDefined();
    const altered = await alter(reply, pending);
    expect(() => accept(pending, altered)).toThrow(refusal(reason));
  });

  it('once the key has ended', async () => {
    const pending = await pendingFor({ form: 'secret', by: 'server' });
    const reply = await replyTo(pending);
    const { notAfter } = accept(pending, reply);
    expect(() => accept(pending, reply, notAfter)).toThrow(refusal('KEY_EXPIRED'));
  });

  it('once the certificate has ended', async () => {
    const pending = await pendingFor({ form: 'key-pair', by: 'server' });
    const reply = await replyTo(pending);
    const { notAfter } = accept(pending, reply);
    expect(() => accept(pending, reply, notAfter + 1_000)).toThrow(refusal('CERTIFICATE_EXPIRED'));
  });

  it('when the token was another’s secret', async () => {
    const pending = await pendingFor({ form: 'secret', by: 'server' });
    const other = await pendingFor({ form: 'secret', by: 'server' });
    const reply = await replyTo(pending);
    expect(() => accept({ ...pending, authKey: other.authKey }, reply)).toThrow(refusal('REPLY_MAC'));
  });
});

describe('a request is not made', () => {
  it('with a key of one’s own for a secret', async () => {
    const own = { privateKey: newPrivateKey() };
    await expect(pendingFor({ form: 'secret', by: 'server' }, own)).rejects.toMatchObject({
      reason: 'FIELD_OUT_OF_RANGE',
    });
  });

  it('with a CSR that no issuer takes', async () => {
    const csr = flipped(await createCsr(signerFromPkcs8(newPrivateKey())), 60);
    await expect(pendingFor({ form: 'key-pair', by: 'server' }, { csr })).rejects.toMatchObject({
      reason: expect.stringMatching(/^CSR_/) as string,
    });
  });
});

async function byAnotherGateway(pending: PendingAssignment): Promise<readonly Buffer[]> {
  const uri = 'cpns://pn1.example.org/pn-gw/gw2';
  const ca = await issueTo(assigner.authorities.pki.issuingCa.issuer, { profile: 'gateway-ca', uri }, clock);
  return issuedTo(pending, createIssuer(ca.chain, signerFromPkcs8(ca.privateKey)), ENTITY);
}
