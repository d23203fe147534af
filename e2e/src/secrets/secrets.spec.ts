/**
 * No secret leaves the place that it belongs to: after a full run at the finest log level, every log, span, error and stored
 * byte is searched for every secret of the deployment in every encoding; and a canary that was let out on purpose is found.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { temporaryStore, rawDump, startRedis, type RunningRedis } from '@cpns/store/testing';
import { openStore, type Store } from '@cpns/store';
import { createLogger } from '@cpns/telemetry';
import { fullRun, type FullRun } from './full-run';
import { ENCODINGS, scan, type Haystack } from './scan';

/** What secrets of each kind are called: T, A, P, seed, S, what is derived of them, keys of groups and of parties. */
const KINDS = [
  /: T$/,
  /authKey|^A of/,
  /^P /,
  /: seed of/,
  /: secret of/,
  /^confirm key of/,
  /^wrap key of/,
  /: groupKey of/,
  /^content key of/,
  /^plaintext of/,
  /private scalar$/,
  /master key$/,
  /data key \d+$/,
];

/** Records that say who is in what, in the clear under their MACs. */
const AUTHENTICATED_SETS = [
  ['store of smf', 'standings.'],
  ['store of smf', 'gateways'],
  ['store of cpns-server', 'served.'],
  ['store of pn1/gw1', 'served.'],
] as const;

let redis: RunningRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe.each(['embedded', 'redis'] as const)('a full run with the Server on %s', (kind) => {
  let run: FullRun;

  beforeAll(async () => {
    run = await fullRun(kind === 'embedded' ? 'embedded' : { redis: redis.url });
  });

  it('has secrets of every kind to look for, and something to look in', () => {
    for (const pattern of KINDS) expect(run.needles.find(({ what }) => pattern.test(what))).toBeDefined();
    for (const where of ['spans', 'errors', 'store of cpns-server', 'store of kmc', 'store of smf', 'store of pn1/gw1'])
      expect(run.haystacks.find((haystack) => haystack.where === where)?.bytes.length).toBeGreaterThan(100);
    for (const [where, record] of AUTHENTICATED_SETS)
      expect(run.haystacks.find((haystack) => haystack.where === where)?.bytes.includes(record)).toBe(true);
    const logs = run.haystacks.filter(({ where }) => where.endsWith('/log'));
    expect(logs.length).toBeGreaterThanOrEqual(9);
    process.stdout.write(`secrets (${kind}): ${run.needles.length} secrets in ${run.haystacks.length} places\n`);
  });

  it('has the Group Key of every version of both groups', () => {
    expect(run.versions).toBe(6);
  });

  it('shows sealed messages and envelopes where they belong, and nowhere else', () => {
    expect(scan(run.traces, run.haystacks)).toEqual([]);
    // it was looked in the right way: the gateway does hold what it was given
    const kept = scan(
      run.traces.filter(({ what }) => what.startsWith('envelope')).map(({ what, bytes }) => ({ what, bytes })),
      run.haystacks.filter(({ where }) => where === 'store of pn1/gw1'),
    );
    expect(kept).not.toEqual([]);
  });

  it('shows none of them anywhere', () => {
    expect(scan(run.needles, run.haystacks)).toEqual([]);
  });
});

describe('a canary', () => {
  const canary = randomBytes(32);
  const needle = { what: 'canary', bytes: canary };

  const logged = (encoded: Buffer): Haystack => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    createLogger({ service: 'canary', level: 'debug', destination }).debug(encoded.toString('latin1'));
    // bytes that are no text come into a log only past the logger
    return { where: 'log', bytes: Buffer.concat([Buffer.from(lines.join('')), encoded]) };
  };

  async function stored(store: Store, encoded: Buffer): Promise<Haystack> {
    const put = [{ name: 'record', value: encoded }];
    await store.commit({ kind: 'canary', id: 'one' }, { expect: [{ name: 'record', revision: 'absent' }], put });
    const entries = await rawDump(store);
    return { where: 'store', bytes: Buffer.concat(entries.map(({ value }) => value)) };
  }

  it.each(ENCODINGS)('%s is found in a log and in both stores', async (name, encode) => {
    const encoded = Buffer.concat([Buffer.from('before '), Buffer.from(encode(canary)), Buffer.from(' after')]);
    const temporary = await temporaryStore();
    const onRedis = await openStore(`${redis.url}?prefix=canary-${randomUUID()}:`);
    try {
      const places = [logged(encoded), await stored(temporary.store, encoded), await stored(onRedis, encoded)];
      for (const place of places)
        expect(scan([needle], [place])).toContainEqual({ what: 'canary', where: place.where, encoding: name });
      expect(scan([{ what: 'another', bytes: randomBytes(32) }], places)).toEqual([]);
    } finally {
      await onRedis.close();
      await temporary.dispose();
    }
  });

  it('is found at every place of a longer base64 text', () => {
    for (const alphabet of ['base64', 'base64url'] as const)
      for (let before = 0; before < 6; before++) {
        const text = Buffer.concat([randomBytes(before), canary, randomBytes(5)]).toString(alphabet);
        expect(scan([needle], [{ where: 'text', bytes: Buffer.from(text) }])).not.toEqual([]);
      }
  });
});
