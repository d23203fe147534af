import { CredentialState, type EntityCredential, KeyForm } from '@cpns/contracts';
import { duration, serviceUri } from '@cpns/core';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { sha256 } from '@cpns/key-derivation';
import { CAMERA, GATEWAY, GatewayWorld, LOCK, REVOCATION_MAX_AGE, STRANGER, TRUST_DOMAIN } from '../testing/world';
import { LiveCredentials } from './live-credentials';
import type { ShownCredential } from './row';
import { MonotonicClock, TableAge } from './table-age';

const OTHER = GATEWAY.replace('/gw', '/other');
const {
  CREDENTIAL_STATE_LIVE: LIVE,
  CREDENTIAL_STATE_SUSPENDED: SUSPENDED,
  CREDENTIAL_STATE_ENDED: ENDED,
} = CredentialState;
const [KEY, NEXT_KEY] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
const [CERTIFICATE, OTHER_CERTIFICATE] = [sha256(Buffer.from('one')), sha256(Buffer.from('other'))];
const proof = (keyId = KEY): ShownCredential => ({ keyId: keyId.toString('hex') });
const certificate = (digest = CERTIFICATE): ShownCredential => ({ certificate: digest });
const PAIR = { form: KeyForm.KEY_FORM_KEY_PAIR, certificateDigest: CERTIFICATE };

describe('the live credential of an entity', () => {
  const world = perTest(new GatewayWorld());
  let live: LiveCredentials;
  let age: TableAge;
  const told: (string | undefined)[] = [];

  const row = (changes: Partial<EntityCredential> = {}): EntityCredential => ({
    entity: CAMERA,
    revision: 1n,
    life: 1n,
    state: LIVE,
    keyId: KEY,
    form: KeyForm.KEY_FORM_SECRET,
    certificateDigest: Buffer.alloc(0),
    user: '',
    assigner: serviceUri(TRUST_DOMAIN, 'cpns-server'),
    assignerLife: 0n,
    notAfter: BigInt(world.clock.now() + duration(30, 'day')),
    ...changes,
  });
  const ofOther = { assigner: OTHER, assignerLife: 2n };
  const tell = (changes?: Partial<EntityCredential>) => live.apply(row(changes));
  const outcome = (shown: ShownCredential = proof(), entity = CAMERA) => reasonOfAsync(live.check(entity, shown));
  const snapshot = async (rows: readonly Partial<EntityCredential>[], doubtful = false) => {
    await live.beginSnapshot(doubtful);
    for (const one of rows) await tell(one);
    await live.endSnapshot();
  };
  const take = () => {
    live = world.module.get(LiveCredentials);
    age = world.module.get(TableAge);
    told.length = 0;
    live.onChange((entity) => told.push(entity));
  };
  beforeEach(async () => {
    take();
    await snapshot([{ entity: LOCK }]);
    await age.note(world.clock.now());
    told.length = 0;
  });

  describe('one altered each, after the unaltered one was accepted', () => {
    it.each<[string, () => Promise<unknown>, ShownCredential, string]>([
      ['another key', () => tell({ revision: 2n, keyId: NEXT_KEY }), proof(), 'KEY_UNKNOWN'],
      ['a certificate in the place of the proof', () => tell({ ...PAIR, revision: 2n }), proof(), 'KEY_UNKNOWN'],
      ['an end', () => tell({ revision: 2n, state: ENDED }), proof(), 'KEY_REVOKED'],
      ['a suspension', () => tell({ revision: 2n, state: SUSPENDED }), proof(), 'KEY_SUSPENDED'],
      ['its not-after', () => Promise.resolve(world.clock.advance(duration(30, 'day'))), proof(), 'KEY_EXPIRED'],
    ])('%s', async (_what, change, shown, reason) => {
      await tell();
      expect(await outcome(shown)).toBe('accepted');
      await change();
      await age.note(world.clock.now());
      expect([await outcome(shown), await outcome(proof(), LOCK)]).toEqual([reason, expect.any(String)]);
    });

    it('a certificate: unregistered, forged under another CA, replaced, or another entity’s', async () => {
      await tell(PAIR);
      expect(await outcome(certificate())).toBe('accepted');
      expect(await outcome(certificate(OTHER_CERTIFICATE))).toBe('KEY_UNKNOWN');
      expect(await outcome(certificate(), LOCK)).toBe('KEY_UNKNOWN');
      await tell({ ...PAIR, revision: 2n, keyId: NEXT_KEY, certificateDigest: OTHER_CERTIFICATE });
      expect([await outcome(certificate()), await outcome(certificate(OTHER_CERTIFICATE))]).toEqual([
        'KEY_UNKNOWN',
        'accepted',
      ]);
    });

    it('the life of the gateway that assigned it', async () => {
      await tell(ofOther);
      await live.applyAssignerEnd({ gateway: OTHER, life: 1n });
      expect(await outcome()).toBe('accepted');
      await live.applyAssignerEnd({ gateway: OTHER, life: 2n });
      await live.applyAssignerEnd({ gateway: OTHER, life: 1n });
      expect(await outcome()).toBe('KEY_REVOKED');
      await tell({ ...ofOther, revision: 2n, keyId: NEXT_KEY, assignerLife: 3n });
      expect(await outcome(proof(NEXT_KEY))).toBe('accepted');
    });

    it('an entity without a row', async () => {
      expect([await outcome(proof(), LOCK), await outcome()]).toEqual(['accepted', 'KEY_UNKNOWN']);
    });
  });

  describe('the checks in their order', () => {
    it('a doubt comes before the age, the age before the row', async () => {
      world.clock.advance(REVOCATION_MAX_AGE);
      expect(await outcome(proof(NEXT_KEY))).toBe('KEY_UNKNOWN');
      const current = String(await age.currentAt());
      world.clock.advance(1);
      await expect(live.check(CAMERA, proof())).rejects.toMatchObject({
        reason: 'DEPENDENCY_UNAVAILABLE',
        metadata: { current_at_ms: current },
      });
      await live.beginSnapshot(true);
      expect(await outcome()).toBe('RESYNCHRONISING');
    });

    it('an end comes before a suspension, and both before not-after', async () => {
      await tell({ ...ofOther, state: SUSPENDED });
      world.clock.advance(duration(30, 'day'));
      await age.note(world.clock.now());
      expect(await outcome()).toBe('KEY_SUSPENDED');
      await live.applyAssignerEnd({ gateway: OTHER, life: 2n });
      expect(await outcome()).toBe('KEY_REVOKED');
    });
  });

  it('is as the highest revision says, and a key that ended does not come back', async () => {
    await tell({ revision: 3n });
    await tell({ revision: 2n, state: ENDED });
    expect(await outcome()).toBe('accepted');
    await tell({ revision: 4n, keyId: NEXT_KEY });
    await tell({ revision: 5n });
    expect(await outcome()).toBe('KEY_REVOKED');
    expect(told).toEqual([CAMERA, CAMERA, CAMERA]);
  });

  it('is refused for an entity of another network, and for a gateway of one', async () => {
    expect(await reasonOfAsync(tell({ entity: STRANGER }))).toBe('PN_MISMATCH');
    const gateway = OTHER.replace('pn1', 'pn2');
    expect(await reasonOfAsync(live.applyAssignerEnd({ gateway, life: 1n }))).toBe('PN_MISMATCH');
  });

  describe('a snapshot', () => {
    it('voids who is not named, once it is complete', async () => {
      await tell();
      await live.beginSnapshot(false);
      await tell();
      expect([await outcome(), await outcome(proof(), LOCK)]).toEqual(['accepted', 'accepted']);
      await live.endSnapshot();
      expect([await outcome(), await outcome(proof(), LOCK)]).toEqual(['accepted', 'KEY_UNKNOWN']);
    });

    it('that is cut off changes nothing, and what it named is not taken for the next', async () => {
      await live.beginSnapshot(false);
      await tell();
      expect(await outcome(proof(), LOCK)).toBe('accepted');
      await snapshot([{ entity: LOCK }]);
      expect([await outcome(), await outcome(proof(), LOCK)]).toEqual(['KEY_UNKNOWN', 'accepted']);
    });

    it('of a Server that lost changes takes them back, but no end', async () => {
      await tell({ revision: 4n });
      await tell({ revision: 5n, keyId: NEXT_KEY });
      await snapshot([{ revision: 4n, keyId: Buffer.alloc(16, 3) }]);
      expect(await outcome(proof(Buffer.alloc(16, 3)))).toBe('accepted');
      await snapshot([{ revision: 4n }]);
      expect(await outcome()).toBe('KEY_REVOKED');
    });

    it('that is doubtful answers no call and assigns nothing until its end, also after a restart', async () => {
      await live.beginSnapshot(true);
      expect(await outcome(proof(), LOCK)).toBe('RESYNCHRONISING');
      await world.restart();
      take();
      expect(await outcome(proof(), LOCK)).toBe('RESYNCHRONISING');
      expect(await reasonOfAsync(live.assertCertain())).toBe('RESYNCHRONISING');
      await snapshot([{ entity: LOCK }]);
      expect(await outcome(proof(), LOCK)).toBe('accepted');
      await live.assertCertain();
    });
  });

  describe('the age of the table', () => {
    it('is not made less by a restart, or by a clock that is set back', async () => {
      const monotonic = jest.spyOn(world.module.get(MonotonicClock), 'now');
      monotonic.mockReturnValue(1_000);
      await age.note(world.clock.now());
      monotonic.mockReturnValue(1_001 + REVOCATION_MAX_AGE);
      world.clock.advance(-duration(1, 'hour'));
      expect(await outcome(proof(), LOCK)).toBe('DEPENDENCY_UNAVAILABLE');
      await age.note(world.clock.now());
      expect(await outcome(proof(), LOCK)).toBe('accepted');
      world.clock.advance(REVOCATION_MAX_AGE + 1);
      await world.restart();
      take();
      expect(await outcome(proof(), LOCK)).toBe('DEPENDENCY_UNAVAILABLE');
    });
  });
});
