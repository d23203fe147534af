/** What a suspended entity gets at its gateway, over the wire, in both forms; and that a resumed one is served again. */
import { CredentialState, PnGatewayServiceService } from '@cpns/contracts';
import { PROOF_METADATA } from '@cpns/key-derivation';
import {
  certificateHolder,
  joining,
  proofDraft,
  Refusal,
  REPORTING,
  sealProof,
  secretHolder,
  withOwnProof,
  type Asked,
  type Holder,
  type WireTls,
} from '@cpns/testing/bad-input';
import { GatewayKeyWorld } from '../testing/key-world';

const { leaveServiceGroup, pullGroupKey, watchGroupKeys } = PnGatewayServiceService;
const GROUP = { groupId: 'g1' };
const audience = ({ gatewayUri }: { readonly gatewayUri: string }) => gatewayUri;
const CALLS: Readonly<Record<string, Asked>> = {
  report: REPORTING,
  join: joining(GROUP.groupId),
  leave: {
    ...joining(GROUP.groupId),
    method: leaveServiceGroup,
    body: Buffer.from(leaveServiceGroup.requestSerialize(GROUP)),
  },
  pull: {
    method: pullGroupKey,
    body: Buffer.from(pullGroupKey.requestSerialize({ ...GROUP, version: 0n })),
    audience,
  },
  watch: { method: watchGroupKeys, body: Buffer.from(watchGroupKeys.requestSerialize({})), audience },
};
/** Of a live key: the services behind the gateway are away, and a watch lasts longer than the call waits. */
const SERVED = {
  report: 'accepted',
  join: 'DEPENDENCY_UNAVAILABLE',
  leave: 'DEPENDENCY_UNAVAILABLE',
  pull: 'DEPENDENCY_UNAVAILABLE',
  watch: 'DEADLINE_EXCEEDED',
};
const REFUSED = Object.fromEntries(Object.keys(SERVED).map((name) => [name, 'KEY_SUSPENDED']));

let world: GatewayKeyWorld;
beforeAll(async () => (world = await GatewayKeyWorld.start()));
afterAll(() => world.stop());

interface Shown extends Holder {
  readonly tls?: WireTls;
}

function send({ tls, ...holder }: Shown, asked: Asked): Promise<Buffer> {
  const { method, body } = asked;
  const own = withOwnProof(world, holder, asked);
  if (tls !== undefined)
    return world.wireAs('gateway certificate', tls).send(method.path, body, { deadlineMs: 1_000, metadata: own });
  const proof = sealProof(proofDraft(world, holder, { audience: world.gatewayUri, method, body }));
  const metadata = { [PROOF_METADATA]: proof, ...own };
  return world.wire('gateway token').send(method.path, body, { deadlineMs: 1_000, metadata });
}

async function outcomes(holder: Shown) {
  const found: Record<string, string> = {};
  for (const [name, asked] of Object.entries(CALLS))
    found[name] = await send(holder, asked).then(
      () => 'accepted',
      (error: unknown) => (error instanceof Refusal ? error.reason || error.code : String(error)),
    );
  return found;
}

const tell = (entity: string, state: CredentialState) =>
  world.deliver({ $case: 'credential', value: world.server.stated(entity, state) });

it.each<[string, () => Promise<Shown>]>([
  ['a proof of a secret that the gateway assigned', () => secretHolder(world, 'gateway')],
  ['a proof of a secret that the Server assigned', () => secretHolder(world, 'server')],
  ['a certificate', () => certificateHolder(world, { assigner: 'server' })],
])('a suspended entity gets nothing with %s until it is resumed', async (_form, make) => {
  const [holder, other] = [await make(), await make()];
  expect(await outcomes(holder)).toEqual(SERVED);
  await tell(holder.entity, CredentialState.CREDENTIAL_STATE_SUSPENDED);
  expect(await outcomes(holder)).toEqual(REFUSED);
  expect(await outcomes(other)).toEqual(SERVED);
  await tell(holder.entity, CredentialState.CREDENTIAL_STATE_LIVE);
  expect(await outcomes(holder)).toEqual(SERVED);
});
