import { createCipheriv, createHash, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataKey } from '@cpns/core';
import { FileMasterKey } from './file-master-key';
import { openBytes, recordMac, recordMacKey, sealBytes } from './formulas';

interface VectorFile {
  readonly cases: readonly { name: string; input: Record<string, string>; output: Record<string, string> }[];
}
type Row = [string, Record<string, string>, Record<string, string>];

const rows = (name: string): Row[] => {
  const file = readFileSync(join(__dirname, '../../vectors', `${name}.json`), 'utf8');
  return (JSON.parse(file) as VectorFile).cases.map((each) => [each.name, each.input, each.output]);
};
const hex = (text: string | undefined): Buffer => Buffer.from(text ?? 'absent', 'hex');

const bindingOf = (input: Record<string, string>) => ({
  service: input.service!,
  record: input.record!,
  field: input.field ?? '',
  revision: BigInt(input.revision!),
  dataKeyId: input.dataKeyId!,
});

describe('frozen vectors: the library', () => {
  it.each(rows('seal'))('seals and opens %s', (_, input, output) => {
    const key = new DataKey(hex(input.dataKey));
    const sealed = sealBytes(key, hex(input.salt), bindingOf(input), hex(input.plaintext));
    expect(sealed.toString('hex')).toBe(output.sealed);
    expect(openBytes(key, bindingOf(input), hex(output.sealed)).toString('hex')).toBe(input.plaintext);
  });

  it.each(rows('record-mac'))('makes the MAC of %s', (_, input, output) => {
    const key = recordMacKey(new DataKey(hex(input.dataKey)), input.service!);
    expect(recordMac(key, bindingOf(input), hex(input.value)).toString('hex')).toBe(output.mac);
  });

  it.each(rows('data-key-wrap'))('wraps and unwraps %s', async (_, input, output) => {
    const directory = mkdtempSync(join(tmpdir(), 'cpns-master-'));
    try {
      const path = join(directory, 'master.key');
      writeFileSync(path, hex(input.masterKey), { mode: 0o600 });
      const master = await FileMasterKey.load(path);
      expect((await master.wrap(new DataKey(hex(input.dataKey)))).toString('hex')).toBe(output.wrapped);
      expect((await master.unwrap(hex(output.wrapped))).expose().toString('hex')).toBe(input.dataKey);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

/** The formulas again from node:crypto alone, HKDF as its two steps of HMAC (RFC 5869): none of the library's code. */
describe('frozen vectors: bare node:crypto', () => {
  const hmac = (key: Buffer, data: Buffer) => createHmac('sha256', key).update(data).digest();
  const hkdf = (ikm: Buffer, salt: Buffer, info: Buffer) =>
    hmac(hmac(salt, ikm), Buffer.concat([info, Buffer.from([1])]));
  const tagged = (text: string | Buffer) => {
    const body = Buffer.from(text as string);
    return Buffer.concat([Buffer.from([body.length >> 8, body.length & 0xff]), body]);
  };
  const place = (input: Record<string, string>) => {
    const revision = Buffer.from(BigInt(input.revision!).toString(16).padStart(16, '0'), 'hex');
    const [service, record, field, id] = ['service', 'record', 'field', 'dataKeyId'].map((name) =>
      tagged(input[name] ?? ''),
    );
    return Buffer.concat([service!, record!, field!, revision, id!]);
  };
  const info = (label: string, input: Record<string, string>) =>
    Buffer.concat([Buffer.from(label, 'ascii'), tagged(input.service!)]);

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
