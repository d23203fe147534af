/** A suspended key over the wire: whatever it is used for, and what would take its place, is refused until it goes on. */
import { KeyState, ProofServiceService, RevocationKind, RevokeEntityUserKeyRequest } from '@cpns/contracts';
import { expectRefusal, refusalOf } from '@cpns/platform/testing';
import {
  register,
  RELAYED,
  relayedVerification,
  relayReport,
  requestFor,
  sealSecretRegistration,
  secretDraft,
  type Holder,
  type Token,
} from '@cpns/testing/bad-input';
import { ServerWorld } from '../testing/key-world';

const AT = 'Server certificate';
const { REVOCATION_KIND_SUSPEND: SUSPEND, REVOCATION_KIND_RESUME: RESUME } = RevocationKind;

let world: ServerWorld;
let token: Token;
let holder: Holder;
let registration: ReturnType<typeof sealSecretRegistration>;
beforeAll(async () => {
  world = await ServerWorld.start();
  token = await world.admit({ form: 'secret', assigner: 'probe' });
  const draft = secretDraft(world, token);
  holder = { entity: token.entity, secret: draft.secret };
  registration = sealSecretRegistration(draft);
  await register(world, AT, registration);
});
afterAll(() => world.stop());

const rest = (kind: RevocationKind) => {
  const request = RevokeEntityUserKeyRequest.fromPartial({ entity: holder.entity, kind });
  return world.operator.entityUserKeys.revokeEntityUserKey(request);
};

const USES: Readonly<Record<string, () => Promise<unknown>>> = {
  'a proof for SMF': () =>
    world.wire(AT, 'service smf').call(ProofServiceService.verifyProof, relayedVerification(world, holder)),
  'a report': () => relayReport(world, world.wire(AT, 'PN GW'), holder),
  'its registration again': () => register(world, AT, registration),
};

it.each(Object.entries(USES))('%s is refused until the key goes on', async (_what, use) => {
  await use();
  await rest(SUSPEND);
  expect(await refusalOf(use)).toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'KEY_SUSPENDED' });
  await rest(RESUME);
  await use();
});

it('no younger admission leads to a key meanwhile', async () => {
  await rest(SUSPEND);
  const again = { form: 'secret', entity: holder.entity } as const;
  const registered = sealSecretRegistration(secretDraft(world, await world.admit({ ...again, assigner: 'probe' })));
  const assigned = requestFor(RELAYED, world, await world.admit({ ...again, assigner: 'server' }));
  const expected = 'FAILED_PRECONDITION/KEY_SUSPENDED';
  await expectRefusal(world.store, () => register(world, AT, registered), expected);
  await expectRefusal(world.store, () => RELAYED.send(world, assigned), expected);
  const { key } = await world.operator.entityUserKeys.getEntityUserKey(holder);
  expect(key?.state).toBe(KeyState.KEY_STATE_SUSPENDED);
  await rest(RESUME);
  await register(world, AT, registered);
});
