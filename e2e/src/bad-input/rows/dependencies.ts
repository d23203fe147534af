/**
 * A dependency that is down (issue, "What bad input gets"; architecture, "Failure"): the same messages, accepted before and
 * after, get UNAVAILABLE from whoever needs it, in time, and leave nothing half-done.
 */
import {
  EnrolmentServiceService,
  EntityRole,
  EntityUserKeyServiceService,
  KeyForm,
  PnGatewayServiceService,
  PnGatewayServiceReportCapabilitiesRequest,
  type AssignmentRequest,
  type RegistrationRequest,
} from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { KeyForm as Form } from '@cpns/key-derivation';
import { deriveConfirmKey, deriveKeyId, PROOF_METADATA, sha256 } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { freshNonce, sealAssignment, sealProof, sealSecretRegistration } from '../../support/drafts';
import type { Refusal } from '../../support/wire';
import { row, type Row, type RowOf } from '../row';
import type { Caller, Port, World } from '../world';
import { assignSecret, draftFor, ENROLLING, FORWARDED, RELAYED, type Stage } from './assignment-stage';
import { freshSecretDraft } from './registration-stage';

/** For the calls of these rows, milliseconds: the answer has to come before it. */
export const DEADLINE_MS = 2_000;

/** A message that may be sent now or later, as often as one likes, to the same effect. */
interface Sending {
  readonly world: World;
  readonly unaltered: () => Promise<unknown>;
  /** One like it, sent while the dependency is away and again when it is back. */
  readonly twin: () => Promise<unknown>;
}

const inTime = ({ elapsedMs }: Refusal): void => expect(elapsedMs).toBeLessThan(DEADLINE_MS);

function down(id: string, at: Port, dependency: string, make: (world: World) => Promise<() => Promise<unknown>>): Row {
  const spec: RowOf<Sending> = {
    id: `${id}, ${dependency}`,
    item: 'a dependency that is down',
    clause: 'architecture, Failure',
    at,
    expect: { code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE' },
    arrange: async (world) => ({ world, unaltered: await make(world), twin: await make(world) }),
    good: ({ unaltered }) => unaltered(),
    bad: ({ twin }) => twin(),
    after: ({ twin }) => twin(),
    check: inTime,
  };
  return row(spec);
}

/** One call of the contracts, within the deadline of these rows. */
const call = <M extends MethodShape>(world: World, at: Port, caller: Caller, method: M, request: RequestOf<M>) =>
  world.wire(at, caller).call(method, request, { deadlineMs: DEADLINE_MS });

const assigning = (stage: Stage, form: Form) => async (world: World) => {
  const token = await stage.admit(world, { form });
  const request = sealAssignment(draftFor(stage, world, token));
  return () => sendAssignment(world, stage, request);
};

function sendAssignment(world: World, stage: Stage, request: AssignmentRequest): Promise<unknown> {
  if (stage === FORWARDED)
    return call(world, stage.at, 'anonymous', PnGatewayServiceService.assignEntityUserKey, { request });
  const caller = stage === RELAYED ? 'PN GW' : 'anonymous';
  const { method } = stage;
  return call(world, stage.at, caller, EntityUserKeyServiceService.assignEntityUserKey, { request, method });
}

const registering = (at: 'gateway token' | 'Server certificate') => async (world: World) => {
  const request = sealSecretRegistration(await freshSecretDraft(world));
  return () => sendRegistration(world, at, request);
};

const sendRegistration = (world: World, at: Port, request: RegistrationRequest): Promise<unknown> =>
  at === 'gateway token'
    ? call(world, at, 'anonymous', PnGatewayServiceService.registerEntityUserKey, { request })
    : call(world, at, 'PN GW', EntityUserKeyServiceService.registerEntityUserKey, { request });

/** A key that only the Server and the device hold: the gateway has to ask. */
async function proving(world: World): Promise<() => Promise<unknown>> {
  const token = await world.admit({ form: 'secret', assigner: 'server' });
  const { secret } = await assignSecret(world, token);
  const { path: method } = PnGatewayServiceService.reportCapabilities;
  const capabilities = { linkSecurity: 2, keyStorage: 1, softwareVersion: '1.0.0' };
  const message = Buffer.from(PnGatewayServiceReportCapabilitiesRequest.encode({ capabilities }).finish());
  const proof = () =>
    sealProof({
      confirmKey: deriveConfirmKey(secret),
      keyId: deriveKeyId(secret),
      entity: token.entity,
      timeMs: Date.now(),
      nonce: freshNonce(),
      audience: world.gatewayUri,
      method,
      requestDigest: sha256(message),
    });
  return () =>
    world
      .wire('gateway token')
      .send(method, message, { deadlineMs: DEADLINE_MS, metadata: { [PROOF_METADATA]: proof() } });
}

function provisioning(world: World): Promise<() => Promise<unknown>> {
  const information = { $case: 'firstSeed' as const, value: { requestId: freshNonce() } };
  const { provisionGateway } = EntityUserKeyServiceService;
  return Promise.resolve(() => call(world, 'Server certificate', 'PN GW', provisionGateway, { information }));
}

function admitting(world: World): Promise<() => Promise<unknown>> {
  const request = {
    entity: world.entity(),
    user: '',
    role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
    form: KeyForm.KEY_FORM_SECRET,
    assigner: '',
    tokenAuthKey: randomBytes(32),
    expiresAt: BigInt(Date.now() + 600_000),
    dnsNames: [],
    ipAddresses: [],
  };
  const { admitEntity } = EnrolmentServiceService;
  return Promise.resolve(() => call(world, 'Server certificate', 'operator', admitEntity, request));
}

const SERVER_GONE = 'CPNS Server stopped';
/** The gateway stands, and whom it asks does not. */
export const SERVER_STOPPED_ROWS: readonly Row[] = [
  down('assignment of a secret', 'gateway token', SERVER_GONE, assigning(FORWARDED, 'secret')),
  down('assignment of a certificate', 'gateway token', SERVER_GONE, assigning(FORWARDED, 'key-pair')),
  down('registration', 'gateway token', SERVER_GONE, registering('gateway token')),
  down('proof of a key of the Server’s', 'gateway token', SERVER_GONE, proving),
];

const SERVER_HUNG = 'CPNS Server hangs';
/** Its port is open and nobody answers: only a deadline helps. */
export const SERVER_HUNG_ROWS: readonly Row[] = [
  down('assignment of a secret', 'gateway token', SERVER_HUNG, assigning(FORWARDED, 'secret')),
  down('registration', 'gateway token', SERVER_HUNG, registering('gateway token')),
];

const STORE_GONE = 'Redis stopped';
/** The Server stands without its store; what it answers goes through the gateway as well. */
export const STORE_STOPPED_ROWS: readonly Row[] = [
  down('assignment of a secret', 'gateway token', STORE_GONE, assigning(FORWARDED, 'secret')),
  down('assignment of a secret', 'Server certificate', STORE_GONE, assigning(RELAYED, 'secret')),
  down('enrolment of a PN GW', 'Server token', STORE_GONE, assigning(ENROLLING, 'key-pair')),
  down('registration', 'gateway token', STORE_GONE, registering('gateway token')),
  down('registration', 'Server certificate', STORE_GONE, registering('Server certificate')),
  down('proof of a key of the Server’s', 'gateway token', STORE_GONE, proving),
  down('provisioning of a PN GW', 'Server certificate', STORE_GONE, provisioning),
  down('admission', 'Server certificate', STORE_GONE, admitting),
];
