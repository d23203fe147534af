import { createCsr, issueCertificate, newPrivateKey, signerFromPkcs8, type Issuer } from '@cpns/certificate-issuance';
import { asAuthority, issueCredentials, newKey } from '@cpns/certificate-issuance/testing';
import { AssignmentRequest, type AssignmentReply, checkAssignment } from '@cpns/contracts';
import { PrivateKeyDer, systemRandom, type Reason } from '@cpns/core';
import { FakeClock, flipped, itHolds } from '@cpns/core/testing';
import { enrolReplyMac } from '@cpns/key-derivation';
import fc from 'fast-check';
import { assigner, eachAssigner, ENTITY, FakeAssigner, GATEWAY, SERVER, type Admit } from '../testing/fake-assigner';
import { acceptAssignment, type OwnKey, type PendingAssignment, prepareAssignment, receivingStep } from './assignment';
import { METHODS, routeOf } from './admitted';

const clock = new FakeClock();
const context = { clock, random: systemRandom };
eachAssigner(clock);

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

  it('opens the very secret that the Server keeps, and gets a second seed from a gateway alone', async () => {
    const pending = await pendingFor({ form: 'secret', by: 'server' });
    const assigned = accept(pending, await replyTo(pending));
    if (assigned.form !== 'secret') throw new Error('another form');
    expect(assigned.secret.equals(assigner.keys.get(ENTITY)!)).toBe(true);
    expect(assigned.seed).toBeUndefined();
    const other = await pendingFor({ form: 'secret', by: 'gateway' });
    expect(accept(other, await replyTo(other))).toMatchObject({ form: 'secret', seed: { firstSeedId: 'seed-1' } });
  });

  it.each(['RSA-2048', 'Ed25519'] as const)('certifies a %s key that the device has already', async (kind) => {
    const privateKey = new PrivateKeyDer(newKey(kind).export({ format: 'der', type: 'pkcs8' }));
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

  const id = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/);
  itHolds(
    'puts a request together that every verifier reads as it was meant',
    [id, id, fc.option(id, { nil: '' })],
    async (tokenId, entityId, user) => {
      const entity = `cpns://pn1.example.org/pne/${entityId}`;
      const pending = await pendingFor({ form: 'secret', by: 'server', entity, user, tokenId });
      const { enrol } = checkAssignment(AssignmentRequest.decode(pending.request), METHODS.assign);
      const { assign: method } = METHODS;
      expect(enrol).toMatchObject({ tokenId, entity, user, gateway: GATEWAY, form: 'secret', method });
      expect(accept(pending, await replyTo(pending)).form).toBe('secret');
    },
    { numRuns: 25 },
  );
});

type Alter = (
  reply: AssignmentReply,
  pending: PendingAssignment,
) => AssignmentReply | undefined | Promise<AssignmentReply>;

/** Changes fields of the reply, which has this form. */
const altered =
  <C extends keyof Replies>(form: C, change: (value: Replies[C]) => Partial<Replies[C]>): Alter =>
  ({ reply }) => {
    if (reply?.$case !== form) throw new Error('no reply to alter');
    const value = reply.value as Replies[C];
    return { reply: { $case: form, value: { ...value, ...change(value) } } as AssignmentReply['reply'] };
  };
type Case<C> = Extract<NonNullable<AssignmentReply['reply']>, { $case: C }>;
interface Replies {
  readonly secret: Case<'secret'>['value'];
  readonly certificate: Case<'certificate'>['value'];
}
const secret = (change: Parameters<typeof altered<'secret'>>[1]) => altered('secret', change);
const certificate = (change: Parameters<typeof altered<'certificate'>>[1]) => altered('certificate', change);

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
  return (await issueCertificate(issuer, { profile: 'target-entity', uri, key: csr!.key }, context)).chain;
}

describe('a reply is refused', () => {
  const another: Alter = async (_reply, { admitted }) => {
    const other = await pendingFor({ form: admitted.form, by: 'gateway' });
    return replyTo(other);
  };
  const serverCa = () => assigner.authorities.pki.serverEntityCa.issuer;

  const vouched = (issuer: () => Issuer, uri: string) => vouchedFor((pending) => issuedTo(pending, issuer(), uri));
  const otherKey = vouchedFor(async () => {
    const { pki } = assigner.authorities;
    return (await issueCredentials(pki.serverEntityCa, { profile: 'target-entity', uri: ENTITY }, context)).chain;
  });
  const otherRoot = vouchedFor(async (pending) => {
    const { pki } = (await FakeAssigner.create(clock)).authorities;
    return issuedTo(pending, pki.serverEntityCa.issuer, ENTITY);
  });
  const ofTheOtherForm: Alter = async () => replyTo(await pendingFor({ form: 'key-pair', by: 'server' }));
  const alteredLeaf = ({ chain: [leaf, ...rest] }: Replies['certificate']) => ({
    chain: [flipped(leaf!, 40), ...rest],
  });
  const [SRV_S, SRV_P] = [{ form: 'secret', by: 'server' } as const, { form: 'key-pair', by: 'server' } as const];
  const [GW_S, GW_P] = [{ form: 'secret', by: 'gateway' } as const, { form: 'key-pair', by: 'gateway' } as const];

  it.each<[string, Admit, Alter, Reason]>([
    ['missing', SRV_S, () => undefined, 'FIELD_MISSING'],
    ['empty', SRV_S, () => ({ reply: undefined }), 'FIELD_MISSING'],
    ['for another request', GW_S, another, 'REPLY_MAC'],
    ['for another request, certificate', GW_P, another, 'REPLY_MAC'],
    ['of the other form', SRV_S, ofTheOtherForm, 'FIELD_MISSING'],
    ['altered', GW_S, secret(({ ciphertext }) => ({ ciphertext: flipped(ciphertext) })), 'REPLY_MAC'],
    ['truncated', GW_S, secret((r) => ({ ciphertext: r.ciphertext.subarray(1) })), 'FIELD_SIZE'],
    ['with an enc that is no point', SRV_S, secret(({ enc }) => ({ enc: flipped(enc, 64) })), 'MALFORMED_MESSAGE'],
    ['with a later end', SRV_S, secret(({ notAfter }) => ({ notAfter: notAfter + 1n })), 'REPLY_MAC'],
    ['as from a gateway when it is the Server’s', SRV_S, secret(() => ({ firstSeedId: 'seed-1' })), 'FIELD_SIZE'],
    ['as from the Server when it is a gateway’s', GW_S, secret(() => ({ firstSeedId: '' })), 'FIELD_SIZE'],
    ['with another first seed', GW_S, secret(() => ({ firstSeedId: 'seed-2' })), 'REPLY_MAC'],
    ['with a first-seed-id that is none', GW_S, secret(() => ({ firstSeedId: '../x' })), 'NAME_INVALID'],
    ['with another MAC', SRV_P, certificate(({ mac }) => ({ mac: flipped(mac) })), 'REPLY_MAC'],
    ['with a chain that was cut', SRV_P, certificate(({ chain }) => ({ chain: chain.slice(0, -1) })), 'REPLY_MAC'],
    ['with an altered leaf', GW_P, certificate(alteredLeaf), 'REPLY_MAC'],
    ['for another entity, by the assigner itself', SRV_P, vouched(serverCa, `${ENTITY}2`), 'TOKEN_OTHER_ENTITY'],
    ['for a user that was not admitted', SRV_P, vouched(serverCa, `${ENTITY}?user=mallory`), 'TOKEN_OTHER_ENTITY'],
    ['for another key', SRV_P, otherKey, 'REPLY_MAC'],
    ['under another root', SRV_P, otherRoot, 'CERTIFICATE_CHAIN'],
    ['by another gateway of the PN', GW_P, vouchedFor(byAnotherGateway), 'ISSUER_NOT_ASSIGNER'],
  ])('%s', async (_what, admit, alter, reason) => {
    const pending = await pendingFor(admit);
    const reply = await replyTo(pending);
    expect(accept(pending, reply)).toBeDefined();
    const altered = await alter(reply, pending);
    expect(() => accept(pending, altered)).toThrow(refusal(reason));
  });

  it.each([
    ['key', 'secret', 0, 'KEY_EXPIRED'],
    ['certificate', 'key-pair', 1_000, 'CERTIFICATE_EXPIRED'],
  ] as const)('once the %s has ended', async (_what, form, later, reason) => {
    const pending = await pendingFor({ form, by: 'server' });
    const reply = await replyTo(pending);
    const { notAfter } = accept(pending, reply);
    expect(() => accept(pending, reply, notAfter + later)).toThrow(refusal(reason));
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
  const ca = await issueCredentials(assigner.authorities.pki.issuingCa, { profile: 'gateway-ca', uri }, context);
  return issuedTo(pending, asAuthority(ca).issuer, ENTITY);
}
