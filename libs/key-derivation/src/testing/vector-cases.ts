/**
 * The inputs of the frozen vectors, in the shape in which they stand in `vectors/*.json`: text as it is, bytes in hex,
 * times as numbers (milliseconds), other u64 as decimal text.
 */
import { createECDH, createHash } from 'node:crypto';

export type Value = string | number | readonly string[];
export type Values = Readonly<Record<string, Value>>;
export interface VectorInput {
  readonly name: string;
  readonly input: Values;
}

/** Reproducible bytes that look random. */
export const bytesNamed = (name: string, size: number): string => {
  let out = Buffer.alloc(0);
  for (let block = 0; out.length < size; block += 1)
    out = Buffer.concat([out, createHash('sha256').update(`cpns vector ${name} ${block}`).digest()]);
  return out.subarray(0, size).toString('hex');
};

/** A key pair of P-256 in raw form. */
export const hpkePairNamed = (name: string): { readonly privateKey: string; readonly publicKey: string } => {
  const ecdh = createECDH('prime256v1');
  const privateKey = bytesNamed(`${name} scalar`, 32);
  ecdh.setPrivateKey(Buffer.from(privateKey, 'hex'));
  return { privateKey, publicKey: ecdh.getPublicKey('hex') };
};

interface Situation {
  readonly name: string;
  readonly tokenId: string;
  readonly firstSeedId: string;
  readonly groupId: string;
  readonly method: string;
  readonly entity: string;
  readonly user: string;
  readonly gateway: string;
  readonly notAfter: number;
  readonly version: string;
}

const ordinary: Situation = {
  name: 'an ordinary PNE with a user',
  tokenId: 'tok-7f3a',
  firstSeedId: 'seed-2026-11',
  groupId: 'living-room',
  method: '/cpns.v1.PnGatewayService/AssignEntityUserKey',
  entity: 'cpns://pn1.example.net/pne/camera-1',
  user: 'alice',
  gateway: 'cpns://pn1.example.net/pn-gw/gw-1',
  notAfter: 1_795_000_000_000,
  version: '1',
};

const longDomain = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(62)].join('.');
const longPn = `${'p'.repeat(63)}.${longDomain}`;
const longest = (letter: string) => letter.repeat(64);
// the first and last code points that UTF-8 writes in 1, 2, 3 and 4 bytes, without the surrogates
const utf8Limits = '\u0001\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}';

export const situations: readonly Situation[] = [
  ordinary,
  { ...ordinary, name: 'no user', user: '' },
  {
    ...ordinary,
    name: 'a target PN GW that is called directly',
    entity: 'cpns://pn1.example.net/pn-gw/gw-2',
    method: '/cpns.v1.EntityUserKeyService/AssignEntityUserKey',
    user: '',
  },
  {
    name: 'every name of the greatest length, times and versions at their upper end',
    tokenId: longest('t'),
    firstSeedId: longest('f'),
    groupId: longest('g'),
    method: `/${'m'.repeat(255)}`,
    entity: `cpns://${longPn}/pn-gw/${longest('e')}`,
    user: longest('u'),
    gateway: `cpns://${longPn}/pn-gw/${longest('w')}`,
    notAfter: Number.MAX_SAFE_INTEGER,
    version: '18446744073709551615',
  },
  {
    name: 'every name of the least length, time and version zero',
    tokenId: '0',
    firstSeedId: '_',
    groupId: '-',
    method: '/',
    entity: 'cpns://a.b/pne/c',
    user: '.',
    gateway: 'cpns://a.b/pn-gw/d',
    notAfter: 0,
    version: '0',
  },
  { ...ordinary, name: 'a method with text at the limits of UTF-8', method: `/${utf8Limits}` },
];

const forEach = (make: (situation: Situation) => Values): VectorInput[] =>
  situations.map((situation) => ({ name: situation.name, input: make(situation) }));

/** Secrets alone. */
export const secretCases = (field: string): VectorInput[] => [
  { name: 'ordinary bytes', input: { [field]: bytesNamed(field, 32) } },
  { name: 'other bytes', input: { [field]: bytesNamed(`${field} again`, 32) } },
  { name: 'all bytes zero', input: { [field]: '00'.repeat(32) } },
  { name: 'all bits set', input: { [field]: 'ff'.repeat(32) } },
];

const requestOf = ({ name, method, entity, user, gateway }: Situation, form: string): Values => ({
  method,
  entity,
  user,
  gateway,
  form,
  key: form === 'secret' ? hpkePairNamed(name).publicKey : bytesNamed(`spki ${name}`, 91),
  nonce: bytesNamed(`nonce ${name}`, 16),
});

const inBothForms = (make: (situation: Situation) => Values): VectorInput[] =>
  ['secret', 'key-pair'].flatMap((form) =>
    situations.map((situation) => ({
      name: `${situation.name}; form ${form}`,
      input: { ...make(situation), ...requestOf(situation, form) },
    })),
  );

export const enrolCases = inBothForms(({ name, tokenId }) => ({ authKey: bytesNamed(`A ${name}`, 32), tokenId }));
export const renewCases = inBothForms(({ name }) => ({
  confirmKey: bytesNamed(`confirm ${name}`, 32),
  keyId: bytesNamed(`key-id ${name}`, 16),
}));

const chains: Readonly<Record<string, readonly number[]>> = {
  'leaf, Server entity CA, issuing CA, root': [612, 587, 560, 544],
  'leaf and root': [400, 380],
  'one certificate': [900],
  'five certificates, through a gateway CA': [700, 690, 560, 552, 540],
};

export const enrolReplyCases: VectorInput[] = Object.entries(chains).flatMap(([name, sizes], index) => {
  const input = {
    authKey: bytesNamed(`A ${name}`, 32),
    key: bytesNamed(`spki ${name}`, 91),
    nonce: bytesNamed(`nonce ${name}`, 16),
    chain: sizes.map((size, at) => bytesNamed(`certificate ${at} ${name}`, size)),
  };
  return [
    { name, input: { ...input, tokenId: situations[index]?.tokenId ?? 'tok' } },
    { name: `${name}; renewal`, input: { ...input, keyId: bytesNamed(`key-id ${name}`, 16) } },
  ];
});

export const oneTimeStringCases: VectorInput[] = [
  'cpns.example.net:8443',
  '127.0.0.1:1',
  '[::1]:65535',
  `${longDomain}.${'d'.repeat(62)}:65535`,
  'h:80',
].map((endpoint, index) => {
  const situation = situations[index] ?? ordinary;
  return {
    name: `${situation.name}; ${endpoint.slice(-40)}`,
    input: {
      tokenId: situation.tokenId,
      tokenSecret: bytesNamed(`T ${situation.name}`, 32),
      rootDigest: bytesNamed(`root ${situation.name}`, 32),
      entity: situation.entity,
      user: situation.user,
      form: index % 2 === 0 ? 'secret' : 'key-pair',
      peer: index === 0 ? 'cpns://example.net/service/cpns-server' : situation.gateway,
      endpoint,
    },
  };
});

export const secondSeedCases = forEach(({ name, firstSeedId, gateway, entity, user }) => ({
  firstSeed: bytesNamed(`first seed ${name}`, 32),
  salt: bytesNamed(`salt ${name}`, 16),
  firstSeedId,
  gateway,
  entity,
  user,
}));

export const entityUserKeyCases = forEach(({ name, firstSeedId, gateway, entity, user, notAfter }) => ({
  firstSeed: bytesNamed(`first seed ${name}`, 32),
  secondSeed: bytesNamed(`second seed ${name}`, 32),
  firstSeedId,
  gateway,
  entity,
  user,
  notAfter,
}));

export const registrationCases = forEach(({ name, tokenId, firstSeedId, gateway, entity, user, notAfter }) => ({
  tokenId,
  firstSeedId,
  gateway,
  entity,
  user,
  notAfter,
  secondSeed: bytesNamed(`second seed ${name}`, 32),
  nonce: bytesNamed(`nonce ${name}`, 16),
}));

/** MACs over T1: the same registrations, each with its confirm key. */
export const confirmationCases: VectorInput[] = registrationCases.map(({ name, input }) => ({
  name,
  input: { confirmKey: bytesNamed(`confirm ${name}`, 32), ...input },
}));

export const wrapKeyCases = forEach(({ name, groupId, version, entity }) => ({
  entityUserKey: bytesNamed(`S ${name}`, 32),
  groupId,
  version,
  entity,
}));

export const hpkeKeyPairCases: VectorInput[] = ['one', 'two', 'three'].map((name) => ({
  name: `seed ${name}`,
  input: { seed: bytesNamed(`seed ${name}`, 32) },
}));

const hpkeOf = (name: string): Values => {
  const { privateKey, publicKey } = hpkePairNamed(name);
  return {
    recipientPrivateKey: privateKey,
    recipientPublicKey: publicKey,
    ephemeralSeed: bytesNamed(`ephemeral ${name}`, 32),
  };
};

export const assignmentCases: VectorInput[] = situations.flatMap((situation) => {
  const { name, tokenId, entity, user, gateway, notAfter, firstSeedId } = situation;
  const input = {
    psk: bytesNamed(`P ${name}`, 32),
    entity,
    user,
    gateway,
    notAfter,
    ...hpkeOf(name),
    entityUserKey: bytesNamed(`EUK ${name}`, 32),
  };
  const byGateway = { ...input, firstSeedId, secondSeed: bytesNamed(`second seed ${name}`, 32) };
  return [
    { name: `${name}; by the Server`, input: { ...input, tokenId, firstSeedId: '' } },
    { name: `${name}; by a gateway`, input: { ...byGateway, tokenId } },
    { name: `${name}; renewal by a gateway`, input: { ...byGateway, keyId: bytesNamed(`key-id ${name}`, 16) } },
  ];
});

export const pairwiseCases = forEach(({ name, entity, user }) => ({
  certificate: bytesNamed(`certificate ${name}`, 700),
  entity,
  user,
  ...hpkeOf(name),
}));

export const hpkeKeyStatementCases = forEach(({ name, entity, tokenId }) => ({
  entity,
  tokenId,
  certificate: bytesNamed(`certificate ${name}`, 700),
  hpkeKey: hpkePairNamed(name).publicKey,
}));

export const pairwiseStatementCases = forEach(({ name, entity }) => ({
  entity,
  certificate: bytesNamed(`certificate ${name}`, 700),
  hpkeKey: hpkePairNamed(name).publicKey,
  enc: hpkePairNamed(`enc ${name}`).publicKey,
}));

export const proofCases = forEach(({ name, entity, gateway, method, notAfter }) => ({
  confirmKey: bytesNamed(`confirm ${name}`, 32),
  keyId: bytesNamed(`key-id ${name}`, 16),
  entity,
  timeMs: notAfter,
  nonce: bytesNamed(`nonce ${name}`, 16),
  audience: gateway,
  method,
  request: name === 'no user' ? '' : bytesNamed(`request ${name}`, 77),
}));
