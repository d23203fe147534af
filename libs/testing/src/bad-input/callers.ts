/** Callers that are known, and not who may call this: roles, trust domains, and certificates used above theirs (AUTHZ-1). */
import { dersToPem } from '@cpns/certificate-issuance';
import {
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  PnGatewayServiceService,
  ProofServiceService,
} from '@cpns/contracts';
import { operatorUri, serviceUri } from '@cpns/core';
import { deriveConfirmKey, deriveKeyId, sha256 } from '@cpns/key-derivation';
import { WRONG_NAMES } from './certificates';
import { issued, minted, type Credential } from './credentials';
import { freshNonce, sealCertificateRegistration, sealProof, sealSecretRegistration } from './drafts';
import { CAPABILITIES } from './proofs';
import { row, type RowOf } from './row';
import {
  assignCertificate,
  ASSIGN_METHOD,
  assignSecret,
  certificateDraft,
  freshSecretDraft,
  register,
  RELAYED,
  requestFor,
  type KeyRow,
} from './stages';
import type { Wire, WireTls } from './wire';
import type { Caller, KeyWorld, Port } from './world';

/** A call, whom it is for, and a message that is good whenever it comes from there. */
export interface Call<W = KeyWorld> {
  readonly name: string;
  readonly at: Port;
  readonly rightful: Caller;
  /** A message of its own for each call. */
  readonly message: (world: W) => Promise<(wire: Wire) => Promise<unknown>>;
}

const { provisionGateway, assignEntityUserKey, registerEntityUserKey, listEntityUserKeys } =
  EntityUserKeyServiceService;
const atServer = (name: string, rightful: Caller, message: Call['message']): Call => ({
  name,
  at: 'Server certificate',
  rightful,
  message,
});

const LIST_KEYS = atServer('ListEntityUserKeys', 'operator', () =>
  Promise.resolve((wire) => wire.call(listEntityUserKeys, { pageSize: 1, pageToken: '' })),
);
const REVOKE = atServer('RevokeAdmission', 'operator', async (world) => {
  const { tokenId, entity } = await world.admit({ form: 'secret', assigner: 'server' });
  return (wire) => wire.call(EnrolmentServiceService.revokeAdmission, { tokenId, entity });
});
const PROVISION = atServer('ProvisionGateway', 'PN GW', () => {
  const information = { $case: 'firstSeed' as const, value: { requestId: freshNonce() } };
  return Promise.resolve((wire) => wire.call(provisionGateway, { information }));
});
const ASSIGN = atServer('AssignEntityUserKey', 'PN GW', async (world) => {
  const request = requestFor(RELAYED, world, await RELAYED.admit(world, { form: 'secret' }));
  return (wire) => wire.call(assignEntityUserKey, { request, method: ASSIGN_METHOD });
});
const REGISTER = atServer('RegisterEntityUserKey', 'PN GW', async (world) => {
  const request = sealSecretRegistration(await freshSecretDraft(world));
  return (wire) => wire.call(registerEntityUserKey, { request });
});
const VERIFY_PROOF = atServer('VerifyProof', 'PN GW', async (world) => {
  const token = await world.admit({ form: 'secret', assigner: 'server' });
  const { secret } = await assignSecret(world, token);
  const called = {
    method: PnGatewayServiceService.reportCapabilities.path,
    requestDigest: sha256(Buffer.from('a message')),
  };
  const made = { timeMs: world.now(), nonce: freshNonce(), audience: world.probe.uri };
  const proof = sealProof({
    confirmKey: deriveConfirmKey(secret),
    keyId: deriveKeyId(secret),
    entity: token.entity,
    ...made,
    ...called,
  });
  return (wire) => wire.call(ProofServiceService.verifyProof, { proof, ...called });
});

interface Called<W> {
  readonly world: W;
  readonly good: (wire: Wire) => Promise<unknown>;
  readonly bad: (wire: Wire) => Promise<unknown>;
}

type WrongCaller<W> = Pick<RowOf<never, W>, 'id' | 'item' | 'expect'> & {
  readonly as: (world: W) => Wire | Promise<Wire>;
};

/** The same call by whom it is for and by another; the message of the second stays good. */
const callerRow = <W extends Pick<KeyWorld, 'wire'>>(call: Call<W>, { id, as, ...shown }: WrongCaller<W>) =>
  row<Called<W>, W>({
    id: `${call.name} ${id}`,
    ...shown,
    at: call.at,
    arrange: async (world) => ({ world, good: await call.message(world), bad: await call.message(world) }),
    good: ({ world, good }) => good(world.wire(call.at, call.rightful)),
    bad: async ({ world, bad }) => bad(await as(world)),
    after: ({ world, bad }) => bad(world.wire(call.at, call.rightful)),
  });

const WRONG_ROLE = 'a caller of the wrong role';
const NOT_PERMITTED = 'PERMISSION_DENIED/ROLE_NOT_PERMITTED';

/** Each call by callers of other roles. */
export const roleRows = <W extends Pick<KeyWorld, 'wire'>>(calls: readonly Call<W>[], callers: readonly Caller[]) =>
  calls.flatMap((call) =>
    callers.map((caller) =>
      callerRow(call, {
        id: `by ${caller}`,
        item: caller.startsWith('target') ? 'a target entity’s certificate above its role' : WRONG_ROLE,
        expect: NOT_PERMITTED,
        as: (world) => world.wire(call.at, caller),
      }),
    ),
  );

/** A target entity with a certificate that the Server knows, as it shows itself at its gateway. */
export async function registeredHolder(world: KeyWorld, entity = world.entity()): Promise<WireTls> {
  const token = await world.admit({ form: 'key-pair', assigner: 'gateway', entity });
  const { chain, privateKey } = await assignCertificate(world, token);
  await register(world, 'gateway token', sealCertificateRegistration(certificateDraft(token, { chain, privateKey })));
  return {
    root: dersToPem([world.rootDer]),
    cert: dersToPem(chain),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

/** CPNS-1: what only a target entity calls. */
const atGateway = (caller: Caller): KeyRow =>
  row({
    id: `ReportCapabilities by ${caller}`,
    item: WRONG_ROLE,
    at: 'gateway certificate',
    expect: NOT_PERMITTED,
    arrange: async (world: KeyWorld) => ({ world, holder: await registeredHolder(world) }),
    good: ({ world, holder }) =>
      world.wireAs('gateway certificate', holder).call(PnGatewayServiceService.reportCapabilities, CAPABILITIES),
    bad: ({ world }) =>
      world.wire('gateway certificate', caller).call(PnGatewayServiceService.reportCapabilities, CAPABILITIES),
  });

/** Sound certificates of the Server side's authorities that give their holders no role here. */
const stranger = (
  call: Call,
  id: string,
  item: string,
  expect: string,
  make: (world: KeyWorld) => Promise<Credential>,
): KeyRow =>
  callerRow(call, {
    id: `by ${id}`,
    item,
    expect,
    as: async (world) => world.wireAs('Server certificate', (await make(world)).tls),
  });

const TRUST_DOMAIN = 'PERMISSION_DENIED/TRUST_DOMAIN';
const REVOKED = 'UNAUTHENTICATED/CERTIFICATE_REVOKED';
const ROLE = 'PERMISSION_DENIED/CERTIFICATE_ROLE';
const NO_IDENTITY = 'UNAUTHENTICATED/PEER_IDENTITY_INVALID';
const WRONG_DOMAIN = 'a caller of the wrong trust domain';
const operatorOf = ({ trustDomain }: KeyWorld) => operatorUri(trustDomain, 'testbed');
const byIssuing = (request: (world: KeyWorld) => Parameters<typeof issued>[1]) => (world: KeyWorld) =>
  issued(world.authorities.issuingCa, request(world));
const operatorWith =
  (other: (uri: string) => { readonly kind: 'uri' | 'dns'; readonly value: string }) => (world: KeyWorld) => {
    const uri = operatorOf(world);
    return minted(world.authorities.issuingCa, {
      profile: 'operator',
      uri,
      names: [{ kind: 'uri', value: uri }, other(uri)],
    });
  };

const STRANGERS: readonly KeyRow[] = [
  stranger(
    LIST_KEYS,
    'operator of another trust domain',
    WRONG_DOMAIN,
    TRUST_DOMAIN,
    byIssuing(() => ({ profile: 'operator', uri: operatorUri('other.example', 'testbed') })),
  ),
  stranger(
    LIST_KEYS,
    'service of another trust domain',
    WRONG_DOMAIN,
    TRUST_DOMAIN,
    byIssuing(() => ({ profile: 'service', uri: serviceUri('other.example', 'cpns-server') })),
  ),
  stranger(
    PROVISION,
    'PN GW of another trust domain',
    WRONG_DOMAIN,
    TRUST_DOMAIN,
    byIssuing(() => ({ profile: 'gateway-identity', uri: 'cpns://pn1.other.example/pn-gw/probe' })),
  ),
  stranger(
    PROVISION,
    'PN GW that has not enrolled',
    WRONG_ROLE,
    REVOKED,
    byIssuing((world) => ({ profile: 'gateway-identity', uri: world.entity('pn5', 'pn-gw') })),
  ),
  stranger(
    PROVISION,
    'second certificate of an enrolled PN GW',
    WRONG_ROLE,
    REVOKED,
    byIssuing(({ probe }) => ({ profile: 'gateway-identity', uri: probe.uri })),
  ),
  stranger(
    PROVISION,
    'acting PN GW whose certificate a gateway CA made',
    'a gateway CA’s certificate above its role',
    ROLE,
    ({ probe }) => minted(probe.ca, { profile: 'gateway-identity', uri: probe.uri }),
  ),
  stranger(
    LIST_KEYS,
    'operator whose certificate the Server entity CA made',
    'a target entity’s certificate above its role',
    ROLE,
    (world) => minted(world.authorities.entityCa, { profile: 'target-entity', uri: operatorOf(world) }),
  ),
  stranger(
    LIST_KEYS,
    'operator whose certificate holds a second name',
    'two SANs',
    NO_IDENTITY,
    operatorWith((uri) => ({ kind: 'uri', value: `${uri}x` })),
  ),
  stranger(
    LIST_KEYS,
    'operator whose certificate has a DNS name besides',
    'a DNS SAN',
    NO_IDENTITY,
    operatorWith(() => ({ kind: 'dns', value: 'localhost' })),
  ),
];

/** What a gateway says in the name of whom it may not speak for (protocol.md, "Trust in a gateway"). */
const OTHER_PN: readonly KeyRow[] = [ASSIGN, REGISTER, VERIFY_PROOF].map((call) =>
  callerRow(call, {
    id: 'by PN GW of another PN',
    item: WRONG_ROLE,
    expect: `PERMISSION_DENIED/${call === ASSIGN ? 'GATEWAY_MISMATCH' : 'PN_MISMATCH'}`,
    as: (world) => world.wire('Server certificate', 'PN GW of another PN'),
  }),
);

/** CPNS-2 on the port for tokens: only a gateway that enrols itself has anything to say there. */
const onTokenPort = (call: Call): KeyRow => ({
  ...callerRow(call, {
    id: 'without a certificate',
    item: WRONG_ROLE,
    expect: 'UNIMPLEMENTED/UNIMPLEMENTED',
    as: (world) => world.wire('Server token'),
  }),
  at: 'Server token',
});

/** Names that TLS has no quarrel with, on the port that asks who is there. */
const wrongName = ({ id, item, mint }: (typeof WRONG_NAMES)[number]): KeyRow =>
  row({
    id: `${id}, in TLS`,
    item,
    at: 'gateway certificate',
    expect: NO_IDENTITY,
    arrange: async (world: KeyWorld) => {
      const token = await world.admit({ form: 'key-pair', assigner: 'gateway' });
      return { world, token, tls: (await minted(world.probe.ca, mint(token.entity))).tls };
    },
    good: async ({ world }) => assignCertificate(world, await world.admit({ form: 'key-pair', assigner: 'gateway' })),
    bad: ({ world, tls }) =>
      world
        .wireAs('gateway certificate', tls)
        .call(PnGatewayServiceService.assignEntityUserKey, { request: undefined }),
    after: ({ world, token }) => assignCertificate(world, token),
  });

const SERVICES = ['service smf', 'service kmc', 'service cpns-server'] as const;
const ENTITIES = ['target entity', 'target PN GW'] as const;

export const CALLER_ROWS: readonly KeyRow[] = [
  ...roleRows([LIST_KEYS, REVOKE], ['PN GW', ...SERVICES, ...ENTITIES]),
  ...roleRows([PROVISION], ['operator', ...SERVICES, ...ENTITIES]),
  ...roleRows([ASSIGN, REGISTER, VERIFY_PROOF], ['operator', 'service smf', ...ENTITIES]),
  ...(['operator', 'PN GW', ...SERVICES] as const).map(atGateway),
  ...STRANGERS,
  ...OTHER_PN,
  ...[LIST_KEYS, PROVISION, REGISTER, VERIFY_PROOF].map(onTokenPort),
  ...WRONG_NAMES.filter(({ item }) => item !== 'a DNS SAN' && item !== 'a SAN of another PN').map(wrongName),
];
