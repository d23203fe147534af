import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataKey } from '@cpns/core';
import { describeVectors, vectorCases, type Fields } from '@cpns/core/testing';
import { FileMasterKey } from './file-master-key';
import { openBytes, recordMac, recordMacKey, sealBytes } from './formulas';

const directory = join(__dirname, '../../vectors');

const binding = (i: Fields) => ({
  service: i.text('service'),
  record: i.text('record'),
  field: i.has('field') ? i.text('field') : '',
  revision: i.big('revision'),
  dataKeyId: i.text('dataKeyId'),
});
const dataKey = (i: Fields) => new DataKey(i.bytes('dataKey'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

async function withMasterKey<T>(key: Buffer, use: (masterKey: FileMasterKey) => Promise<T>): Promise<T> {
  const temporary = mkdtempSync(join(tmpdir(), 'cpns-master-'));
  try {
    const path = join(temporary, 'master.key');
    writeFileSync(path, key, { mode: 0o600 });
    return await use(await FileMasterKey.load(path));
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

describeVectors(directory, {
  seal: {
    compute: (i) => ({ sealed: hexOf(sealBytes(dataKey(i), i.bytes('salt'), binding(i), i.bytes('plaintext'))) }),
    reverse: (o, i) => ({ plaintext: hexOf(openBytes(dataKey(i), binding(i), o.bytes('sealed'))) }),
  },
  'record-mac': {
    compute: (i) => ({
      mac: hexOf(recordMac(recordMacKey(dataKey(i), i.text('service')), binding(i), i.bytes('value'))),
    }),
  },
  'data-key-wrap': {
    compute: (i) =>
      withMasterKey(i.bytes('masterKey'), async (key) => ({ wrapped: hexOf(await key.wrap(dataKey(i))) })),
    reverse: (o, i) =>
      withMasterKey(i.bytes('masterKey'), async (key) => ({
        dataKey: hexOf((await key.unwrap(o.bytes('wrapped'))).expose()),
      })),
  },
});

/** The formulas again from node:crypto alone, HKDF as its two steps of HMAC (RFC 5869): none of the library's code. */
describe('frozen vectors: bare node:crypto', () => {
  type Texts = Record<string, string>;
  const rows = (name: string) =>
    vectorCases(directory, name).map((each) => [each.name, each.input as Texts, each.output as Texts] as const);
  const hex = (text: string | undefined): Buffer => Buffer.from(text ?? 'absent', 'hex');
  const hmac = (key: Buffer, data: Buffer) => createHmac('sha256', key).update(data).digest();
  const hkdf = (ikm: Buffer, salt: Buffer, info: Buffer) =>
    hmac(hmac(salt, ikm), Buffer.concat([info, Buffer.from([1])]));
  const tagged = (text: string | Buffer) => {
    const body = Buffer.from(text as string);
    return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body]);
  };
  const place = (input: Texts) => {
    const revision = Buffer.from(BigInt(input.revision!).toString(16).padStart(16, '0'), 'hex');
    const [service, record, field, id] = ['service', 'record', 'field', 'dataKeyId'].map((name) =>
      tagged(input[name] ?? ''),
    );
    return Buffer.concat([service!, record!, field!, revision, id!]);
  };
  const info = (label: string, input: Texts) => Buffer.concat([Buffer.from(label, 'ascii'), tagged(input.service!)]);

  it.each(rows('seal'))('seal: %s', (_, input, output) => {
    const salt = hex(input.salt);
    const key = hkdf(hex(input.dataKey), salt, info('cpns/v1/seal', input));
    const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12)).setAAD(place(input));
    const parts = [salt, cipher.update(hex(input.plaintext)), cipher.final(), cipher.getAuthTag()];
    expect(Buffer.concat(parts).toString('hex')).toBe(output.sealed);
  });

  it.each(rows('record-mac'))('record-mac: %s', (_, input, output) => {
    const key = hkdf(hex(input.dataKey), Buffer.alloc(32), info('cpns/v1/record-mac', input));
    const digest = createHash('sha256').update(hex(input.value)).digest();
    expect(hmac(key, Buffer.concat([place(input), tagged(digest)])).toString('hex')).toBe(output.mac);
  });

  // RFC 3394, 2.2.1, in its indexing form, from AES-256 in ECB
  it.each(rows('data-key-wrap'))('data-key-wrap: %s', (_, input, output) => {
    const blocks = hex(input.dataKey)
      .toString('hex')
      .match(/.{16}/g)!
      .map((block) => Buffer.from(block, 'hex'));
    let a = Buffer.alloc(8, 0xa6);
    for (let j = 0; j < 6; j++) {
      for (let i = 0; i < blocks.length; i++) {
        const ecb = createCipheriv('aes-256-ecb', hex(input.masterKey), null).setAutoPadding(false);
        const b = Buffer.concat([ecb.update(Buffer.concat([a, blocks[i]!])), ecb.final()]);
        a = Buffer.from(b.subarray(0, 8));
        a[7]! ^= blocks.length * j + i + 1;
        blocks[i] = b.subarray(8);
      }
    }
    expect(Buffer.concat([a, ...blocks]).toString('hex')).toBe(output.wrapped);
  });
});
