import { EntityUserKey, GroupKey } from '@cpns/core';
import { FakeClock, flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import { makeEnvelope } from './envelope';
import { emptyKeyring, highestOf, type Keyring, openableVersion, sealableVersion } from './keyring';
import { type Delivery, type Member, receiveGroupKey, type ReceivingContext } from './receive';
import { endStatement, type SignedStatement, GRACE_MS } from './statement';
import { forge, TestServer, type TestVersion } from './testing';

const GROUP = 'living-room';
const random = new SeededRandom('receive');
const clock = new FakeClock();

const memberNamed = (name: string): Member => {
  const secret = new EntityUserKey(random.bytes(32));
  return { entity: `cpns://pn1.example.org/pne/${name}`, secret, keyId: deriveKeyId(secret) };
};
const member = memberNamed('camera');
const neighbour = memberNamed('lamp');

const envelopeOf = ({ statement, groupKey }: TestVersion, to: Member, key = groupKey): Buffer =>
  makeEnvelope(to.secret, to.keyId, { groupId: GROUP, version: statement.version, entity: to.entity }, key);

describe('a delivery at a member', () => {
  let server: TestServer;
  let one: TestVersion;
  let two: TestVersion;
  let held: Keyring;

  const receive = (keyring: Keyring, delivery: Delivery, context: ReceivingContext = { now: clock.now() }) =>
    receiveGroupKey(keyring, delivery, member, server.verifier(), context);
  const deliveryOf = (version: TestVersion): Delivery => ({
    signed: server.sign(version.statement),
    own: envelopeOf(version, member),
  });

  beforeAll(async () => {
    server = await TestServer.create(clock);
    one = server.version({ version: 1n });
    two = server.version({ version: 2n });
    held = receive(emptyKeyring(GROUP), deliveryOf(one)).keyring;
  });

  it('gives the Group Key to seal and to open with', () => {
    const { keyring, acceptance } = receive(held, deliveryOf(two));
    expect(acceptance).toBe('newer');
    expect(sealableVersion(keyring, clock.now()).groupKey.equals(two.groupKey)).toBe(true);
    expect(openableVersion(keyring, 1n, clock.now()).groupKey.equals(one.groupKey)).toBe(true);
  });

  it('is authentic or nothing', async () => {
    const stranger = await TestServer.create(clock);
    const kmc = await server.pki.issueService('kmc');
    const signed = server.sign(two.statement);
    const own = envelopeOf(two, member);
    const altered = (edit: Partial<SignedStatement['statement']>): SignedStatement => ({
      ...signed,
      statement: { ...two.statement, ...edit },
    });
    const { statement } = two;
    const stated = (one: SignedStatement): Delivery => ({ signed: one, own });
    const enclosed = (envelope: Buffer): Delivery => ({ signed, own: envelope });
    const later = altered({ sealUntil: statement.sealUntil + 1 });
    const kitchen = server.version({ groupId: 'kitchen' }).statement;
    const rows: [string, Delivery, string][] = [
      ['as it was made', { signed, own }, 'accepted'],
      ['by another root', stated(stranger.sign(statement)), 'CERTIFICATE_CHAIN'],
      ['by another service', stated(forge({ ...kmc, key: kmc.privateKey.keyObject }, statement)), 'PEER_UNEXPECTED'],
      ['altered', stated(later), 'SIGNATURE_INVALID'],
      ['with another commitment', stated(altered({ commitment: one.statement.commitment })), 'SIGNATURE_INVALID'],
      ['with a signature over another', stated({ ...server.sign(one.statement), statement }), 'SIGNATURE_INVALID'],
      ['without an envelope', { signed }, 'ENVELOPE_INVALID absent'],
      ['with a neighbour’s envelope', enclosed(envelopeOf(two, neighbour)), 'ENVELOPE_INVALID entity'],
      ['with the envelope of another version', enclosed(envelopeOf(one, member)), 'ENVELOPE_INVALID unwrap'],
      ['with another key in the envelope', enclosed(envelopeOf(two, member, one.groupKey)), 'COMMITMENT_MISMATCH'],
      ['with an altered envelope', enclosed(flipped(own, -1)), 'ENVELOPE_INVALID unwrap'],
      ['of another group', stated(server.sign(kitchen)), 'STATEMENT_CONFLICT'],
    ];
    for (const [what, delivery, reason] of rows) {
      const before = held.versions.map(({ statement }) => statement);
      expect([what, reasonOf(() => receive(held, delivery))]).toEqual([what, reason]);
      expect(held.versions.map(({ statement }) => statement)).toEqual(before);
      expect(sealableVersion(held, clock.now()).groupKey.equals(one.groupKey)).toBe(true);
    }
  });

  it('that was replayed changes nothing, and one of before is refused', () => {
    const later = receive(held, deliveryOf(two)).keyring;
    expect(receive(later, deliveryOf(two))).toMatchObject({ acceptance: 'known' });
    expect(reasonOf(() => receive(later, deliveryOf(one)))).toBe('STATEMENT_LOWER');
  });

  it('with a later seal-until alone needs no envelope', () => {
    const statement = { ...one.statement, sealUntil: one.statement.sealUntil + 1_000 };
    const { keyring, acceptance } = receive(held, { signed: server.sign(statement) });
    expect(acceptance).toBe('known');
    expect(sealableVersion(keyring, statement.sealUntil).groupKey.equals(one.groupKey)).toBe(true);
  });

  it('without an envelope says that a newer version is there, to one who has not asked', () => {
    const context = { now: clock.now(), mayLackKey: true };
    const signed = server.sign(two.statement);
    const { keyring, acceptance } = receive(held, { signed }, context);
    expect(acceptance).toBe('newer');
    expect(reasonOf(() => sealableVersion(keyring, clock.now()))).toBe('GROUP_KEY_UNKNOWN');
    expect(openableVersion(keyring, 1n, clock.now()).groupKey.equals(one.groupKey)).toBe(true);
    const pulled = receive(keyring, deliveryOf(two));
    expect(sealableVersion(pulled.keyring, clock.now()).groupKey.equals(two.groupKey)).toBe(true);
    // once more, it takes no key away
    const again = receive(pulled.keyring, { signed }, context);
    expect(again.acceptance).toBe('known');
    expect(sealableVersion(again.keyring, clock.now()).groupKey.equals(two.groupKey)).toBe(true);
  });

  it.each<[string, (version: TestVersion) => Delivery, string]>([
    ['by another', ({ statement }) => ({ signed: { ...server.sign(one.statement), statement } }), 'SIGNATURE_INVALID'],
    ['and older', () => ({ signed: server.sign(one.statement) }), 'STATEMENT_LOWER'],
    [
      'with an envelope that is not its own',
      (version) => ({ signed: server.sign(version.statement), own: envelopeOf(version, neighbour) }),
      'ENVELOPE_INVALID entity',
    ],
  ])('that was not asked for is refused %s', (_what, delivery, reason) => {
    const three = server.version({ version: 3n });
    const later = receive(held, deliveryOf(two)).keyring;
    expect(reasonOf(() => receive(later, delivery(three), { now: clock.now(), mayLackKey: true }))).toBe(reason);
  });

  it('that ends the group needs no envelope, and is the last', () => {
    const { keyring } = receive(held, { signed: server.sign(endStatement(GROUP, 1n, clock.now())) });
    expect(reasonOf(() => sealableVersion(keyring, clock.now()))).toBe('GROUP_DELETED');
    expect(reasonOf(() => receive(keyring, deliveryOf(two)))).toBe('GROUP_DELETED');
  });

  it('of a lower version that was asked for gives a key to open with, in its grace', () => {
    const keyring = receive(emptyKeyring(GROUP), deliveryOf(two)).keyring;
    expect(reasonOf(() => receive(keyring, deliveryOf(one)))).toBe('STATEMENT_LOWER');
    const asked = receive(keyring, deliveryOf(one), { now: clock.now(), asked: 1n });
    expect(asked.acceptance).toBe('asked');
    expect(openableVersion(asked.keyring, 1n, clock.now()).groupKey.equals(one.groupKey)).toBe(true);
    expect(highestOf(asked.keyring)?.statement.version).toBe(2n);
    const late = { now: clock.now() + GRACE_MS, asked: 1n };
    expect(reasonOf(() => receive(keyring, deliveryOf(one), late))).toBe('VERSION_RETIRED');
  });

  it('takes what has retired out of the keyring', () => {
    const before = receive(
      emptyKeyring(GROUP),
      deliveryOf({ ...one, groupKey: new GroupKey(one.groupKey.expose()) }),
    ).keyring;
    const { keyring } = receive(before, deliveryOf(two), { now: clock.now() + GRACE_MS });
    expect(keyring.retiredThrough).toBe(1n);
    expect(before.versions[0]?.groupKey?.expose().equals(Buffer.alloc(32))).toBe(true);
  });
});
