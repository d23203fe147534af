/** Callers that are somebody, and not whoever may call this: roles, trust domains, and certificates used above theirs. */
import { dersToPem } from '@cpns/certificate-issuance';
import { PnGatewayServiceService } from '@cpns/contracts';
import { operatorUri, serviceUri } from '@cpns/core';
import { issued, minted, type Credential } from '../../support/credentials';
import { sealCertificateRegistration } from '../../support/drafts';
import type { Wire, WireTls } from '../../support/wire';
import { row, type Expectation, type Item, type Row } from '../row';
import type { Caller, World } from '../world';
import { assignCertificate } from './assignment-stage';
import { ASSIGN, CAPABILITIES, LIST_KEYS, PROVISION, REGISTER, REVOKE, VERIFY_PROOF, type Call } from './calls';
import { certificateDraft, register } from './registration-stage';

const denied = (reason: Expectation['reason']): Expectation => ({ code: 'PERMISSION_DENIED', reason });
const unknown = (reason: Expectation['reason']): Expectation => ({ code: 'UNAUTHENTICATED', reason });

interface Called {
  readonly world: World;
  readonly good: (wire: Wire) => Promise<unknown>;
  readonly bad: (wire: Wire) => Promise<unknown>;
}

interface WrongCaller {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  readonly as: (world: World) => Wire | Promise<Wire>;
  readonly expect: Expectation;
}

/** The same call by whom it is for and by somebody else; the message of the second stays good. */
export const callerRow = (call: Call, { id, item, clause, as, expect: expectation }: WrongCaller): Row =>
  row<Called>({
    id: `${call.name} by ${id}`,
    item,
    clause,
    at: call.at,
    expect: expectation,
    arrange: async (world) => ({ world, good: await call.message(world), bad: await call.message(world) }),
    good: ({ world, good }) => good(world.wire(call.at, call.rightful)),
    bad: async ({ world, bad }) => bad(await as(world)),
    after: ({ world, bad }) => bad(world.wire(call.at, call.rightful)),
  });

const wrongRole = (call: Call, caller: Caller): WrongCaller => ({
  id: caller,
  item: caller.startsWith('target') ? 'a target entity’s certificate above its role' : 'a caller of the wrong role',
  clause: 'AUTHZ-1',
  as: (world) => world.wire(call.at, caller),
  expect: denied('ROLE_NOT_PERMITTED'),
});

const SERVICES = ['service smf', 'service kmc', 'service cpns-server'] as const;
const ENTITIES = ['target entity', 'target PN GW'] as const;

export const roles = (calls: readonly Call[], callers: readonly Caller[]): Row[] =>
  calls.flatMap((call) => callers.map((caller) => callerRow(call, wrongRole(call, caller))));

/** A target entity with a certificate that the Server knows, at the port of its gateway. */
export async function registeredHolder(world: World, entity = world.entity()): Promise<WireTls> {
  const token = await world.admit({ form: 'key-pair', assigner: 'gateway', entity });
  const { chain, privateKey } = await assignCertificate(world, token);
  await register(world, 'gateway token', sealCertificateRegistration(certificateDraft(token, { chain, privateKey })));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { root: world.root, cert: dersToPem(chain), key: String(key) };
}

interface ToGateway {
  readonly world: World;
  readonly holder: WireTls;
}

/** CPNS-1: what only a target entity calls. */
const atGateway = (caller: Caller, expectation: Expectation): Row =>
  row<ToGateway>({
    id: `ReportCapabilities by ${caller}`,
    item: 'a caller of the wrong role',
    clause: 'AUTHZ-1',
    at: 'gateway certificate',
    expect: expectation,
    arrange: async (world) => ({ world, holder: await registeredHolder(world) }),
    good: ({ world, holder }) =>
      world.wireAs('gateway certificate', holder).call(PnGatewayServiceService.reportCapabilities, CAPABILITIES),
    bad: ({ world }) =>
      world.wire('gateway certificate', caller).call(PnGatewayServiceService.reportCapabilities, CAPABILITIES),
  });

const withCertificate =
  (make: (world: World) => Promise<Credential>): WrongCaller['as'] =>
  async (world) =>
    world.wireAs('Server certificate', (await make(world)).tls);

/** Sound certificates of the deployment's authorities that make their holders nobody here. */
const STRANGERS: readonly (WrongCaller & { readonly calls: readonly Call[] })[] = [
  {
    id: 'operator of another trust domain',
    calls: [LIST_KEYS],
    item: 'a caller of the wrong trust domain',
    clause: 'protocol, Names',
    as: withCertificate(({ authorities }) =>
      issued(authorities.issuingCa, { profile: 'operator', uri: operatorUri('other.example', 'testbed') }),
    ),
    expect: denied('TRUST_DOMAIN'),
  },
  {
    id: 'service of another trust domain',
    calls: [LIST_KEYS],
    item: 'a caller of the wrong trust domain',
    clause: 'protocol, Names',
    as: withCertificate(({ authorities }) =>
      issued(authorities.issuingCa, { profile: 'service', uri: serviceUri('other.example', 'cpns-server') }),
    ),
    expect: denied('TRUST_DOMAIN'),
  },
  {
    id: 'PN GW of another trust domain',
    calls: [PROVISION],
    item: 'a caller of the wrong trust domain',
    clause: 'protocol, Names',
    as: withCertificate(({ authorities }) =>
      issued(authorities.issuingCa, { profile: 'gateway-identity', uri: 'cpns://pn1.other.example/pn-gw/probe' }),
    ),
    expect: denied('TRUST_DOMAIN'),
  },
  {
    id: 'PN GW that has not enrolled',
    calls: [PROVISION],
    item: 'a caller of the wrong role',
    clause: 'Q10',
    as: withCertificate(({ authorities, deployment }) =>
      issued(authorities.issuingCa, { profile: 'gateway-identity', uri: deployment.entity('pn5', 'pn-gw', 'gw') }),
    ),
    expect: unknown('CERTIFICATE_REVOKED'),
  },
  {
    id: 'second certificate of an enrolled PN GW',
    calls: [PROVISION],
    item: 'a caller of the wrong role',
    clause: 'Q10',
    as: withCertificate(({ authorities, probe }) =>
      issued(authorities.issuingCa, { profile: 'gateway-identity', uri: probe.uri }),
    ),
    expect: unknown('CERTIFICATE_REVOKED'),
  },
  {
    id: 'acting PN GW whose certificate a gateway CA made',
    calls: [PROVISION],
    item: 'a gateway CA’s certificate above its role',
    clause: 'protocol, Certificates',
    as: withCertificate(({ probe }) => minted(probe.ca, { profile: 'gateway-identity', uri: probe.uri })),
    expect: denied('CERTIFICATE_ROLE'),
  },
  {
    id: 'operator whose certificate the Server entity CA made',
    calls: [LIST_KEYS],
    item: 'a target entity’s certificate above its role',
    clause: 'protocol, Certificates',
    as: withCertificate(({ authorities, deployment }) =>
      minted(authorities.entityCa, { profile: 'target-entity', uri: operatorUri(deployment.trustDomain, 'testbed') }),
    ),
    expect: denied('CERTIFICATE_ROLE'),
  },
  {
    id: 'operator whose certificate holds a second name',
    calls: [LIST_KEYS],
    item: 'two SANs',
    clause: 'protocol, Names',
    as: withCertificate(({ authorities, deployment }) => {
      const uri = operatorUri(deployment.trustDomain, 'testbed');
      const names = [uri, `${uri}x`].map((value) => ({ kind: 'uri' as const, value }));
      return minted(authorities.issuingCa, { profile: 'operator', uri, names });
    }),
    expect: unknown('PEER_IDENTITY_INVALID'),
  },
  {
    id: 'operator whose certificate has a DNS name besides',
    calls: [LIST_KEYS],
    item: 'a DNS SAN',
    clause: 'protocol, Names',
    as: withCertificate(({ authorities, deployment }) => {
      const uri = operatorUri(deployment.trustDomain, 'testbed');
      const names = [
        { kind: 'uri' as const, value: uri },
        { kind: 'dns' as const, value: 'localhost' },
      ];
      return minted(authorities.issuingCa, { profile: 'operator', uri, names });
    }),
    expect: unknown('PEER_IDENTITY_INVALID'),
  },
];

/** What a gateway says in the name of whom it may not speak for. */
const OTHER_PN: readonly Row[] = [ASSIGN, REGISTER, VERIFY_PROOF].map((call) =>
  callerRow(call, {
    id: 'PN GW of another PN',
    item: 'a caller of the wrong role',
    clause: 'protocol, Trust in a gateway',
    as: (world) => world.wire('Server certificate', 'PN GW of another PN'),
    expect: denied(call === ASSIGN ? 'GATEWAY_MISMATCH' : 'PN_MISMATCH'),
  }),
);

/** CPNS-2 on the port for tokens: nobody but a gateway that enrols itself has anything to say there. */
const onTokenPort = (call: Call): Row =>
  row<Called>({
    id: `${call.name} without a certificate`,
    item: 'a caller of the wrong role',
    clause: 'architecture, gRPC',
    at: 'Server token',
    expect: { code: 'UNIMPLEMENTED', reason: 'UNIMPLEMENTED' },
    arrange: async (world) => ({ world, good: await call.message(world), bad: await call.message(world) }),
    good: ({ world, good }) => good(world.wire(call.at, call.rightful)),
    bad: ({ world, bad }) => bad(world.wire('Server token')),
    after: ({ world, bad }) => bad(world.wire(call.at, call.rightful)),
  });

export const CALLER_ROWS: readonly Row[] = [
  ...roles([LIST_KEYS, REVOKE], ['PN GW', ...SERVICES, ...ENTITIES]),
  ...roles([PROVISION], ['operator', ...SERVICES, ...ENTITIES]),
  ...roles([ASSIGN, REGISTER, VERIFY_PROOF], ['operator', 'service smf', ...ENTITIES]),
  ...(['operator', 'PN GW', ...SERVICES] as const).map((caller) => atGateway(caller, denied('ROLE_NOT_PERMITTED'))),
  ...STRANGERS.flatMap((stranger) => stranger.calls.map((call) => callerRow(call, stranger))),
  ...OTHER_PN,
  ...[LIST_KEYS, PROVISION, REGISTER, VERIFY_PROOF].map(onTokenPort),
];
