import { createDevelopmentPki, issueCertificate, localSigner, type DevelopmentPki } from '@cpns/certificate-issuance';
import type {
  EndCertificateRequest,
  ListEndedCertificatesRequest,
  WatchEndedCertificatesResponse,
} from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { eventually, FakeClock, perFile } from '@cpns/core/testing';
import { ENDED, ENDED_AGGREGATE, EndedPeers, ServiceIdentity } from '@cpns/platform';
import { outcomeOf, refusesBadInput, testProcess, type Fault } from '@cpns/platform/testing';
import { peerIdentifier, type Peer } from '@cpns/grpc';
import { testCall } from '@cpns/grpc/testing';
import { at, Records } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import type { TestingModule } from '@nestjs/testing';
import { generateKeyPairSync } from 'node:crypto';
import { SERVER, TRUST_DOMAIN } from '../testing/world';
import { CertificatesController } from './certificates.controller';
import { CertificatesModule } from './certificates.module';
import { EndedCertificates } from './ended-certificates';

const YEARS_2 = 2 * 365 * 86_400_000;

class World {
  readonly clock = new FakeClock();
  pki!: DevelopmentPki;
  own!: Buffer;
  server!: TestingModule;
  temporary!: TemporaryStore;
  #identity!: unknown;
  #started: TestingModule[] = [];

  async open(): Promise<void> {
    this.pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock: this.clock });
    const { chain, privateKey } = await this.pki.issueService('cpns-server');
    this.own = chain[0]!;
    this.#identity = { uri: SERVER, trustDomain: TRUST_DOMAIN, chain, root: chain.at(-1), key: privateKey.keyObject };
    this.temporary = await temporaryStore(this.clock);
    this.server = await this.replica();
  }

  async replica(): Promise<TestingModule> {
    const module = await testProcess({
      name: 'cpns-server',
      uri: SERVER,
      store: this.temporary.store,
      modules: [CertificatesModule],
      clock: this.clock,
      providers: [{ provide: ServiceIdentity, useValue: this.#identity }],
    });
    this.#started.push(module);
    return module.init();
  }

  get rpc(): CertificatesController {
    return this.server.get(CertificatesController);
  }

  end = (which: EndCertificateRequest['which']) => this.rpc.endCertificate({ which });

  async close(): Promise<void> {
    for (const module of this.#started) await module.close();
    await this.temporary.dispose();
  }
}
const world = perFile(new World());

const operator = async (name = 'ann') => (await world.pki.issueOperator(name)).chain[0]!;
const peerOf = async (der: Buffer): Promise<Peer> => {
  const [issuingCaDer] = world.pki.issuingCa.chain;
  return peerIdentifier({ issuingCaDer: issuingCaDer!, trustDomain: TRUST_DOMAIN, clock: world.clock })(der);
};
/** The certificate of an entity. */
async function identity(profile: 'gateway-identity' | 'target-entity'): Promise<Buffer> {
  const { issuer } = profile === 'gateway-identity' ? world.pki.issuingCa : world.pki.serverEntityCa;
  const { publicKey } = localSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const uri = `cpns://pn1.${TRUST_DOMAIN}/pn-gw/gw`;
  const issued = await issueCertificate(
    issuer,
    { profile, uri, key: publicKey },
    { clock: world.clock, random: systemRandom },
  );
  return issued.chain[0]!;
}
const isEnded = async (der: Buffer, replica = world.server) =>
  replica.get(EndedPeers, { strict: false }).has(await peerOf(der));

const WHICH = 'INVALID_ARGUMENT';
const with_ = (which: EndCertificateRequest['which']) => () => ({ which });
const certificate = (value: () => Buffer | Promise<Buffer>) => async () => ({
  which: { $case: 'certificate' as const, value: await value() },
});
const FAULTS: readonly Fault<EndCertificateRequest>[] = [
  ['nothing to end', with_(undefined), `${WHICH}/FIELD_MISSING which`],
  ['an empty certificate', certificate(() => Buffer.alloc(0)), `${WHICH}/FIELD_MISSING certificate`],
  ['a certificate of 8,193 bytes', certificate(() => Buffer.alloc(8_193)), `${WHICH}/FIELD_TOO_LONG certificate`],
  ['a certificate that is none', certificate(() => Buffer.alloc(64)), `${WHICH}/CERTIFICATE_MALFORMED`],
  ['the issuing CA', certificate(() => world.pki.issuingCa.chain[0]!), 'PERMISSION_DENIED/CERTIFICATE_ROLE'],
  ['the Server’s own certificate', certificate(() => world.own), `${WHICH}/FIELD_OUT_OF_RANGE certificate`],
  [
    'a gateway’s certificate',
    certificate(() => identity('gateway-identity')),
    `${WHICH}/FIELD_OUT_OF_RANGE certificate`,
  ],
  ['an entity’s certificate', certificate(() => identity('target-entity')), `${WHICH}/FIELD_OUT_OF_RANGE certificate`],
  [
    'a public key’s digest of 31 bytes',
    with_({ $case: 'publicKeyDigest', value: Buffer.alloc(31) }),
    `${WHICH}/FIELD_SIZE public_key_digest`,
  ],
  ['an operator without a name', with_({ $case: 'operator', value: '' }), `${WHICH}/FIELD_MISSING operator`],
  [
    'an operator by his URI',
    with_({ $case: 'operator', value: 'cpns://td.example/operator/ann' }),
    `${WHICH}/NAME_INVALID operator`,
  ],
];
refusesBadInput<EndCertificateRequest>(() => world.temporary.store, 'Server certificate', {
  name: 'EndCertificate',
  good: async () => ({ which: { $case: 'certificate', value: await operator('good') } }),
  send: (request) => world.rpc.endCertificate(request),
  faults: FAULTS,
});

it('ends a key, in each certificate that it has or gets, with the time at which it was ended first', async () => {
  const [leaf, other] = [await operator(), await operator()];
  const first = await world.end({ $case: 'certificate', value: leaf });
  const { keyDigest } = await peerOf(leaf);
  expect(first.ended).toEqual({
    which: { $case: 'publicKeyDigest', value: keyDigest },
    endedAt: BigInt(world.clock.now()),
    until: BigInt(world.clock.now() + YEARS_2),
  });
  world.clock.advance(1_000);
  expect(await world.end({ $case: 'publicKeyDigest', value: keyDigest })).toEqual(first);
  expect([await isEnded(leaf), await isEnded(other)]).toEqual([true, false]);
});

it('ends an operator by his name, whatever certificates he has or gets', async () => {
  const [leaf, other] = [await operator('bob'), await operator('bobby')];
  await world.end({ $case: 'operator', value: 'bob' });
  expect([await isEnded(leaf), await isEnded(await operator('bob')), await isEnded(other)]).toEqual([
    true,
    true,
    false,
  ]);
});

it('tells each replica, and one that starts later', async () => {
  const leaf = await operator();
  const running = await world.replica();
  await world.end({ $case: 'certificate', value: leaf });
  await eventually(async () => expect(await isEnded(leaf, running)).toBe(true));
  expect(await isEnded(leaf, await world.replica())).toBe(true);
});

it('sends the whole list to who watches, and again after each change', async () => {
  const over = new AbortController();
  const sent: (readonly [number, boolean])[] = [];
  const write = ({ ended, complete }: WatchEndedCertificatesResponse) =>
    Promise.resolve(void sent.push([ended.length, complete]));
  const watching = world.rpc.watchEndedCertificates({}, Object.assign(testCall({ signal: over.signal }), { write }));
  const { length } = world.server.get(EndedCertificates).entries;
  await eventually(() => expect(sent).toEqual([[length, true]]));
  await world.end({ $case: 'certificate', value: await operator() });
  await eventually(() =>
    expect(sent).toEqual([
      [length, true],
      [length + 1, true],
    ]),
  );
  over.abort();
  await watching;
});

it('lists them page by page, and ends no more than 1,024 at a time', async () => {
  const list = world.server.get(EndedCertificates);
  const missing = 1_024 - list.entries.length;
  const filling = Array.from({ length: missing }, (_, n) => ({
    by: 'key' as const,
    value: String(n).padStart(64, '0'),
    endedAt: world.clock.now(),
    until: world.clock.now() + YEARS_2,
  }));
  const entries = [...list.entries, ...filling];
  const records = world.server.get(Records, { strict: false });
  const full = () => ({ result: undefined, put: { ended: { entries } } });
  await records.transact(ENDED_AGGREGATE, { ended: at(ENDED) }, full);
  await eventually(() => expect(list.entries).toEqual(entries));
  expect(await outcomeOf(world.end({ $case: 'operator', value: 'one-too-many' }))).toBe(
    'RESOURCE_EXHAUSTED/LIMIT_REACHED',
  );
  const pages: number[] = [];
  let pageToken = '';
  do {
    const page = await world.rpc.listEndedCertificates({ pageSize: 500, pageToken });
    pages.push(page.ended.length);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(pages).toEqual([500, 500, 24]);
});

refusesBadInput<ListEndedCertificatesRequest>(() => world.temporary.store, 'Server certificate', {
  name: 'ListEndedCertificates',
  good: () => ({ pageSize: 1, pageToken: '' }),
  send: (request) => world.rpc.listEndedCertificates(request),
  faults: [
    ['a page of 1,001', { pageSize: 1_001 }, `${WHICH}/FIELD_OUT_OF_RANGE page_size`],
    ['a page token that is none', { pageToken: '1e3' }, `${WHICH}/PAGE_TOKEN_INVALID`],
    ['a page token from beyond the end', { pageToken: '99999' }, `${WHICH}/PAGE_TOKEN_INVALID`],
  ],
});
