import { createCsr, newPrivateKey, signerFromPkcs8, type Credentials } from '@cpns/certificate-issuance';
import { issueCredentials } from '@cpns/certificate-issuance/testing';
import { AssignmentRequest, RegistrationRequest, type RegistrationReply } from '@cpns/contracts';
import { EntityUserKey, systemRandom, type Reason } from '@cpns/core';
import { FakeClock, flipped } from '@cpns/core/testing';
import { generateHpkeKeyPair, hpkePublicKey, signBytes } from '@cpns/key-derivation';
import { assigner, eachAssigner, ENTITY, FakeAssigner, type AssignedBy } from '../testing/fake-assigner';
import { acceptAssignment, type Assigned, needsRegistration, type OwnKey, prepareAssignment } from './assignment';
import { routeOf, type Admitted } from './admitted';
import { acceptRegistration, prepareRegistration, registrationRequest, type PendingRegistration } from './registration';

const clock = new FakeClock();
eachAssigner(clock);

interface Case {
  readonly admitted: Admitted;
  readonly assigned: Assigned;
  readonly pending: PendingRegistration;
}

async function assign(form: 'secret' | 'key-pair', by: AssignedBy, own?: OwnKey) {
  const oneTime = assigner.admit({ form, by, user: 'alice' });
  const pending = await prepareAssignment(oneTime, assigner.root, systemRandom, own);
  const { admitted, request } = pending;
  const reply = await assigner.assign(AssignmentRequest.decode(request), routeOf(admitted).method);
  return { admitted, assigned: acceptAssignment(pending, reply, clock.now()) };
}

async function prepare(form: 'secret' | 'key-pair', by: AssignedBy): Promise<Case> {
  const { admitted, assigned } = await assign(form, by);
  return { admitted, assigned, pending: await prepareRegistration(admitted, assigned, systemRandom) };
}

const requestOf = ({ admitted, assigned, pending }: Case) => registrationRequest(admitted, assigned, pending);
const encoded = (one: Case) => Buffer.from(RegistrationRequest.encode(requestOf(one)).finish());
const refusal = (reason: string) => expect.objectContaining({ reason }) as Error;
const accept = ({ admitted, assigned, pending }: Case, reply: RegistrationReply | undefined, now = clock.now()) =>
  acceptRegistration(admitted, assigned, pending, reply, now);

const CASES = [
  ['secret', 'gateway'],
  ['key-pair', 'gateway'],
  ['key-pair', 'server'],
] as const;

describe('a registration', () => {
  it.each(CASES)(
    'of a %s from the %s leads both sides to one secret, has the same bytes each time and gets the same answer',
    async (form, by) => {
      const one = await prepare(form, by);
      expect(needsRegistration(one.assigned)).toBe(true);
      expect(encoded(one)).toEqual(encoded(one));
      const reply = assigner.register(requestOf(one));
      expect(assigner.register(requestOf(one))).toEqual(reply);
      const { secret, keyId } = accept(one, reply);
      expect(secret.equals(assigner.keys.get(ENTITY)!)).toBe(true);
      expect(accept(one, reply).secret.equals(secret)).toBe(true);
      expect(keyId).toMatch(/^[0-9a-f]{32}$/);
    },
  );

  it('is not needed for a secret from the Server', async () => {
    const { assigned } = await assign('secret', 'server');
    expect(needsRegistration(assigned)).toBe(false);
  });

  it('is signed by whoever kept the key of the CSR', async () => {
    const privateKey = newPrivateKey();
    const csr = await createCsr(signerFromPkcs8(privateKey));
    const { admitted, assigned } = await assign('key-pair', 'gateway', { csr });
    await expect(prepareRegistration(admitted, assigned, systemRandom)).rejects.toMatchObject({
      reason: 'FIELD_MISSING',
    });
    const pending = await prepareRegistration(admitted, assigned, systemRandom, (x) =>
      signBytes(privateKey.keyObject, x),
    );
    const one = { admitted, assigned, pending };
    expect(accept(one, assigner.register(requestOf(one)))).toBeDefined();
  });
});

type Alter = (reply: RegistrationReply, one: Case) => RegistrationReply | undefined | Promise<RegistrationReply>;
type Pairwise = Extract<NonNullable<RegistrationReply['confirmation']>, { $case: 'pairwise' }>['value'];

const confirmed =
  (change: (mac: Buffer) => Buffer): Alter =>
  (reply) => {
    if (reply.confirmation?.$case !== 'secret') throw new Error('another form');
    return { ...reply, confirmation: { $case: 'secret', value: change(reply.confirmation.value) } };
  };

const pairwise =
  (change: (value: Pairwise) => Partial<Pairwise> | Promise<Partial<Pairwise>>): Alter =>
  async (reply) => {
    if (reply.confirmation?.$case !== 'pairwise') throw new Error('another form');
    const { value } = reply.confirmation;
    return { ...reply, confirmation: { $case: 'pairwise', value: { ...value, ...(await change(value)) } } };
  };

/** The same statement, signed by another. */
const signedBy =
  (who: () => Credentials | Promise<Credentials>): Alter =>
  async (reply, { assigned, pending }) => {
    if (assigned.form !== 'key-pair' || pending.form !== 'key-pair') throw new Error('another form');
    const by = await who();
    const [certificate] = assigned.chain;
    const hpkeKey = hpkePublicKey(pending.hpkeKey);
    return pairwise(({ enc }) => {
      const statement = { entity: ENTITY, certificate: certificate!, hpkeKey, enc };
      const { signature, chain } = assigner.signPairwise(statement, by);
      return { signature, chain: [...chain] };
    })(reply, { assigned, pending } as Case) as Promise<RegistrationReply>;
  };

const otherKeyId: Alter = (reply) => ({ ...reply, keyId: flipped(reply.keyId) });
const ofForm = (form: 'secret' | 'key-pair') => async () =>
  assigner.register(requestOf(await prepare(form, 'gateway')));
const anothers: Alter = (_reply, { assigned }) => ofForm(assigned.form)();
const otherEnc = () => ({ enc: generateHpkeKeyPair(systemRandom).publicKey });
const otherServer = async () => (await FakeAssigner.create(clock)).authorities.server;

describe('a reply is refused', () => {
  const pki = () => assigner.authorities.pki;
  const entityCredentials = () => {
    const request = { profile: 'target-entity', uri: ENTITY } as const;
    return issueCredentials(pki().serverEntityCa, request, { clock, random: systemRandom });
  };

  it.each<[string, 'secret' | 'key-pair', Alter, Reason]>([
    ['missing', 'secret', () => undefined, 'FIELD_MISSING'],
    ['without a confirmation', 'secret', (reply) => ({ ...reply, confirmation: undefined }), 'FIELD_MISSING'],
    ['with a wrong confirm-server', 'secret', confirmed((mac) => flipped(mac)), 'CONFIRMATION_MAC'],
    ['with a truncated confirm-server', 'secret', confirmed((mac) => mac.subarray(1)), 'FIELD_SIZE'],
    ['for another registration', 'secret', anothers, 'CONFIRMATION_MAC'],
    ['with another key-id', 'secret', otherKeyId, 'CONFIRMATION_MAC'],
    ['a key-id of another size', 'secret', (reply) => ({ ...reply, keyId: reply.keyId.subarray(1) }), 'FIELD_SIZE'],
    ['of the other form', 'secret', ofForm('key-pair'), 'FIELD_MISSING'],
    ['of the other form, certificate', 'key-pair', ofForm('secret'), 'FIELD_MISSING'],
    ['for another K', 'key-pair', anothers, 'SIGNATURE_INVALID'],
    ['with another key-id, certificate', 'key-pair', otherKeyId, 'CONFIRMATION_MAC'],
    ['with another enc', 'key-pair', pairwise(otherEnc), 'SIGNATURE_INVALID'],
    ['an enc that is no point', 'key-pair', pairwise(({ enc }) => ({ enc: flipped(enc, 64) })), 'MALFORMED_MESSAGE'],
    ['altered', 'key-pair', pairwise(({ signature }) => ({ signature: flipped(signature, -1) })), 'SIGNATURE_INVALID'],
    ['a chain that was cut', 'key-pair', pairwise(({ chain }) => ({ chain: chain.slice(0, 1) })), 'CERTIFICATE_CHAIN'],
    ['signed by the gateway', 'key-pair', signedBy(() => assigner.authorities.gateway), 'PEER_UNEXPECTED'],
    ['signed by another service', 'key-pair', signedBy(() => pki().issueService('kmc')), 'PEER_UNEXPECTED'],
    ['signed by an operator', 'key-pair', signedBy(() => pki().issueOperator('root')), 'PEER_UNEXPECTED'],
    ['signed by a target entity', 'key-pair', signedBy(entityCredentials), 'PEER_UNEXPECTED'],
    ['signed by the Server of another root', 'key-pair', signedBy(otherServer), 'CERTIFICATE_CHAIN'],
  ])('%s', async (_what, form, alter, reason) => {
    const one = await prepare(form, 'gateway');
    const reply = assigner.register(requestOf(one));
    expect(accept(one, reply)).toBeDefined();
    const altered = await alter(reply, one);
    expect(() => accept(one, altered)).toThrow(refusal(reason));
  });

  it('when the key that was assigned is another than the Server derives', async () => {
    const one = await prepare('secret', 'gateway');
    const assigned = { ...one.assigned, secret: new EntityUserKey(systemRandom.bytes(32)) } as Assigned;
    expect(() => assigner.register(requestOf({ ...one, assigned }))).toThrow(refusal('CONFIRMATION_MAC'));
    const reply = assigner.register(requestOf(one));
    expect(() => accept({ ...one, assigned }, reply)).toThrow(refusal('CONFIRMATION_MAC'));
  });

  it('once the key has ended', async () => {
    const one = await prepare('secret', 'gateway');
    const reply = assigner.register(requestOf(one));
    expect(() => accept(one, reply, one.assigned.notAfter)).toThrow(refusal('KEY_EXPIRED'));
  });
});
