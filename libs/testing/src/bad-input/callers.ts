/** Callers that are known, and not who may call this: roles, trust domains, and certificates used above theirs (AUTHZ-1). */
import type { GeneralName } from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService, PnGatewayServiceService, ProofServiceService } from '@cpns/contracts';
import { operatorUri, serviceUri } from '@cpns/core';
import { PROOF_METADATA } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { misnamed, WRONG_NAMES_IN_TLS } from './certificates';
import { issued, minted, type Credential } from './credentials';
import { freshNonce } from './drafts';
import { relayReport } from './entity-proofs';
import { CAPABILITIES, certificateHolder, REPORTING, secretHolder, withOwnProof } from './holders';
import { verifyingRequest } from './proofs';
import { row, type Expected, type Shown } from './row';
import { assignCertificate, ASSIGN_METHOD, freshRegistration, RELAYED, requestFor, type KeyRow } from './stages';
import type { Wire } from './wire';
import type { Caller, CastWorld, Port } from './world';

const AT = 'Server certificate';
const AT_GATEWAY = 'gateway certificate';

/** A call, the caller that it is for, and a message of its own each time, which is good whenever it comes from there. */
interface Call {
  readonly name: string;
  readonly rightful: Caller;
  readonly message: (world: CastWorld) => Promise<(wire: Wire) => Promise<unknown>>;
}
const call = (name: string, rightful: Caller, message: Call['message']): Call => ({ name, rightful, message });

const { provisionGateway, assignEntityUserKey, registerEntityUserKey, listEntityUserKeys } =
  EntityUserKeyServiceService;
const { reportCapabilities, assignEntityUserKey: assignAtGateway } = PnGatewayServiceService;

const LIST_KEYS = call('ListEntityUserKeys', 'operator', () =>
  Promise.resolve((wire) => wire.call(listEntityUserKeys, { pageSize: 1, pageToken: '' })),
);
export const PROVISION = call('ProvisionGateway', 'PN GW', () => {
  const information = { $case: 'firstSeed' as const, value: { requestId: freshNonce() } };
  return Promise.resolve((wire) => wire.call(provisionGateway, { information }));
});
export const ASSIGN = call('AssignEntityUserKey', 'PN GW', async (world) => {
  const request = requestFor(RELAYED, world, await RELAYED.admit(world, { form: 'secret' }));
  return (wire) => wire.call(assignEntityUserKey, { request, method: ASSIGN_METHOD });
});
export const REGISTER = call('RegisterEntityUserKey', 'PN GW', async (world) => {
  const request = await freshRegistration(world);
  return (wire) => wire.call(registerEntityUserKey, { request });
});
const VERIFY_PROOF = call('VerifyProof', 'PN GW', async (world) => {
  const request = await verifyingRequest(world);
  return (wire) => wire.call(ProofServiceService.verifyProof, request);
});

/** GK-SECLEVEL, of a device whose key is registered, as its gateway relays it. */
const REPORT = call('ReportCapabilities', 'PN GW', async (world) => {
  const holder = await secretHolder(world);
  return (wire) => relayReport(world, wire, holder);
});

/** The same call by the one it is for and by another; the message of the second stays good. */
const callerRow = (
  { name, rightful, message }: Call,
  [id, item, expect]: Shown,
  as: (world: CastWorld) => Wire | Promise<Wire>,
  at: Port = AT,
): KeyRow =>
  row([`${name} ${id}`, item, expect], at, async (world) => {
    const wire = world.wire(AT, rightful);
    const [good, bad] = [await message(world), await message(world)];
    return { good: () => good(wire), bad: async () => bad(await as(world)), after: () => bad(wire) };
  });

const ROLE = 'a caller of the wrong role';
const ABOVE = 'a target entity’s certificate above its role';
const CA_ABOVE = 'a gateway CA’s certificate above its role';
const DOMAIN = 'a caller of the wrong trust domain';
const NOT_PERMITTED = 'ROLE_NOT_PERMITTED';
const NO_IDENTITY = 'PEER_IDENTITY_INVALID';

/** Each call by callers of other roles: the specs of `libs/grpc` have the table of all of them. */
const roleRows = (calls: readonly Call[], callers: readonly Caller[]): KeyRow[] =>
  calls.flatMap((one) =>
    callers.map((caller) => {
      const item = caller.startsWith('target') ? ABOVE : ROLE;
      return callerRow(one, [`by ${caller}`, item, NOT_PERMITTED], (world) => world.wire(AT, caller));
    }),
  );

/** CPNS-1: what only a target entity calls. */
const atGateway = row<CastWorld>(['ReportCapabilities by operator', ROLE, NOT_PERMITTED], AT_GATEWAY, async (world) => {
  const holder = await certificateHolder(world);
  const report = (wire: Wire) =>
    wire.call(reportCapabilities, CAPABILITIES, { metadata: withOwnProof(world, holder, REPORTING) });
  return {
    good: () => report(world.wireAs(AT_GATEWAY, holder.tls)),
    bad: () => report(world.wire(AT_GATEWAY, 'operator')),
  };
});

const BOTH: Shown = ['certificate and proof on one call', ROLE, 'CREDENTIAL_AMBIGUOUS'];
const bothCredentials = row<CastWorld>(BOTH, AT_GATEWAY, async (world) => {
  const holder = await certificateHolder(world);
  const wire = world.wireAs(AT_GATEWAY, holder.tls);
  const report = (proof = {}) =>
    wire.call(reportCapabilities, CAPABILITIES, { metadata: { ...withOwnProof(world, holder, REPORTING), ...proof } });
  // the proof is refused before it is read
  return { good: () => report(), bad: () => report({ [PROOF_METADATA]: randomBytes(72) }), after: () => report() };
});

type Make = (world: CastWorld) => Promise<Credential>;
const by =
  (profile: 'operator' | 'service' | 'gateway-identity', uri: (world: CastWorld) => string): Make =>
  (world) =>
    issued(world.authorities.issuingCa, { profile, uri: uri(world) });
const operatorOf = ({ trustDomain }: CastWorld) => operatorUri(trustDomain, 'admin');
const operatorWith =
  (other: (uri: string) => GeneralName): Make =>
  (world) => {
    const uri = operatorOf(world);
    const names = [{ kind: 'uri', value: uri } as const, other(uri)];
    return minted(world.authorities.issuingCa, { profile: 'operator', uri, names });
  };

const ELSEWHERE = 'other.example';
const otherOperator = by('operator', () => operatorUri(ELSEWHERE, 'admin'));
const otherService = by('service', () => serviceUri(ELSEWHERE, 'cpns-server'));
const otherGateway = by('gateway-identity', () => `cpns://pn1.${ELSEWHERE}/pn-gw/probe`);
const notEnrolled = by('gateway-identity', (world) => world.entity('pn5', 'pn-gw'));
const second = by('gateway-identity', ({ probe }) => probe.uri);
const byGatewayCa: Make = ({ probe }) => minted(probe.ca, { profile: 'gateway-identity', uri: probe.uri });
const byEntityCa: Make = (world) =>
  minted(world.authorities.entityCa, { profile: 'target-entity', uri: operatorOf(world) });
const twoNames = operatorWith((uri) => ({ kind: 'uri', value: `${uri}x` }));
const dnsName = operatorWith(() => ({ kind: 'dns', value: 'localhost' }));

/** Sound certificates of the Server side's authorities that give their holders no role here. */
const STRANGERS: readonly (readonly [call: Call, ...Shown, make: Make])[] = [
  [LIST_KEYS, 'operator of another trust domain', DOMAIN, 'TRUST_DOMAIN', otherOperator],
  [LIST_KEYS, 'service of another trust domain', DOMAIN, 'TRUST_DOMAIN', otherService],
  [PROVISION, 'PN GW of another trust domain', DOMAIN, 'TRUST_DOMAIN', otherGateway],
  [PROVISION, 'PN GW that has not enrolled', ROLE, 'CERTIFICATE_REVOKED', notEnrolled],
  [PROVISION, 'second certificate of an enrolled PN GW', ROLE, 'CERTIFICATE_REVOKED', second],
  [PROVISION, 'acting PN GW whose certificate a gateway CA made', CA_ABOVE, 'CERTIFICATE_ROLE', byGatewayCa],
  [LIST_KEYS, 'operator whose certificate the Server entity CA made', ABOVE, 'CERTIFICATE_ROLE', byEntityCa],
  [LIST_KEYS, 'operator whose certificate holds a second name', 'two SANs', NO_IDENTITY, twoNames],
  [LIST_KEYS, 'operator whose certificate has a DNS name besides', 'a DNS SAN', NO_IDENTITY, dnsName],
];

/** What a gateway says in the name of an entity that it may not speak for (protocol.md, "Trust in a gateway"). */
const ofOtherPn = (one: Call, expect: Expected): KeyRow =>
  callerRow(one, ['by PN GW of another PN', ROLE, expect], (world) => world.wire(AT, 'PN GW of another PN'));

/** CPNS-2 on the port for tokens: only a gateway that enrols itself has anything to say there. */
const onTokenPort = (one: Call): KeyRow =>
  callerRow(
    one,
    ['without a certificate', ROLE, 'UNIMPLEMENTED'],
    (world) => world.wire('Server token'),
    'Server token',
  );

/** Names that TLS has no quarrel with, on the port that asks who is there. */
const wrongName = ([id, item, mint]: (typeof WRONG_NAMES_IN_TLS)[number]): KeyRow =>
  row([`${id}, in TLS`, item, NO_IDENTITY], AT_GATEWAY, async (world) => {
    const admitted = () => world.admit({ form: 'key-pair', assigner: 'gateway' });
    const token = await admitted();
    const { tls } = await misnamed(world, mint, token.entity);
    return {
      good: async () => assignCertificate(world, await admitted()),
      bad: () => world.wireAs(AT_GATEWAY, tls).call(assignAtGateway, { request: undefined }),
      after: () => assignCertificate(world, token),
    };
  });

export const CALLER_ROWS: readonly KeyRow[] = [
  ...roleRows([LIST_KEYS, PROVISION, ASSIGN, REGISTER], ['service smf', 'target entity', 'target PN GW']),
  ...roleRows([VERIFY_PROOF], ['service kmc', 'target entity', 'target PN GW']),
  atGateway,
  bothCredentials,
  ...STRANGERS.map(([one, id, item, expect, make]) =>
    callerRow(one, [`by ${id}`, item, expect], async (world) => world.wireAs(AT, (await make(world)).tls)),
  ),
  ofOtherPn(ASSIGN, 'GATEWAY_MISMATCH'),
  ofOtherPn(REGISTER, 'PN_MISMATCH'),
  ofOtherPn(VERIFY_PROOF, 'PN_MISMATCH'),
  ofOtherPn(REPORT, 'PN_MISMATCH'),
  ...[LIST_KEYS, PROVISION, REGISTER, VERIFY_PROOF].map(onTokenPort),
  ...WRONG_NAMES_IN_TLS.map(wrongName),
];
