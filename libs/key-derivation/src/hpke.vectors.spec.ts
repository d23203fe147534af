/** HPKE against what others published and wrote: the vectors of `vectors/hpke`, and the library `@hpke/core`. */
import { createCipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aes256Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core';
import { HpkePrivateKey, systemRandom, type Random } from '@cpns/core';
import {
  decapsulate,
  encapsulate,
  exportAsRecipient,
  exportAsSender,
  generateHpkeKeyPair,
  hpkePublicKey,
  openWithPsk,
  sealWithPsk,
  withKeySchedule,
} from './hpke';

interface KemCase {
  readonly name: string;
  readonly [field: string]: string;
}
type ContextCase = KemCase & {
  readonly encryption: Readonly<Record<'aad' | 'ciphertext' | 'plaintext', string>>;
  readonly exports: readonly { readonly exporter_context: string; readonly exported_value: string }[];
};

const casesOf = <C>(file: string): readonly C[] =>
  (JSON.parse(readFileSync(join(__dirname, '../vectors/hpke', file), 'utf8')) as { cases: C[] }).cases;
const appendix = casesOf<KemCase>('rfc9180-a3.json');
const workingGroup = casesOf<ContextCase>('working-group.json');

const bytes = (hex: string | undefined): Buffer => {
  if (hex === undefined) throw new Error('a field is missing');
  return Buffer.from(hex, 'hex');
};
const hex = (value: Uint8Array | ArrayBuffer): string => Buffer.from(value as Uint8Array).toString('hex');
/** Gives these bytes, and a copy each time: what was drawn is overwritten. */
const giving = (seed: Uint8Array): Random => ({ bytes: () => Buffer.from(seed) });

describe('published vectors', () => {
  it.each([...appendix, ...workingGroup])('DHKEM, $name', (c) => {
    for (const [seed, secret, open] of [
      [c.ikmE, c.skEm, c.pkEm],
      [c.ikmR, c.skRm, c.pkRm],
    ]) {
      const { privateKey, publicKey } = generateHpkeKeyPair(giving(bytes(seed)));
      expect([hex(privateKey.expose()), hex(publicKey)]).toEqual([secret, open]);
    }
    const { enc, shared } = encapsulate(bytes(c.pkRm), giving(bytes(c.ikmE)));
    expect([hex(enc), hex(shared)]).toEqual([c.pkEm, c.shared_secret]);
    expect(hex(decapsulate(new HpkePrivateKey(bytes(c.skRm)), enc))).toBe(c.shared_secret);
  });

  it.each(workingGroup)('the key schedule of $name, and what is sealed under it', (c) => {
    const psk = c.psk === undefined ? {} : { psk: { id: bytes(c.psk_id), key: bytes(c.psk) } };
    const derived = withKeySchedule(bytes(c.shared_secret), { info: bytes(c.info), ...psk }, (derive) => ({
      key: derive('key'),
      base_nonce: derive('base_nonce', 12),
      exporter_secret: derive('exp'),
    }));
    for (const [name, value] of Object.entries(derived)) expect([name, hex(value)]).toEqual([name, c[name]]);
    const { aad, plaintext, ciphertext } = c.encryption;
    const cipher = createCipheriv('aes-256-gcm', derived.key, derived.base_nonce).setAAD(bytes(aad));
    const sealed = [cipher.update(bytes(plaintext)), cipher.final(), cipher.getAuthTag()];
    expect(hex(Buffer.concat(sealed))).toBe(ciphertext);
  });

  const [base] = workingGroup;
  it.each(base!.exports)('what mode_base exports for "$exporter_context"', ({ exporter_context, exported_value }) => {
    const setup = { info: bytes(base!.info), context: bytes(exporter_context) };
    const sent = exportAsSender({ ...setup, recipientKey: bytes(base!.pkRm) }, giving(bytes(base!.ikmE)));
    expect([hex(sent.enc), hex(sent.exported)]).toEqual([base!.enc, exported_value]);
    const privateKey = new HpkePrivateKey(bytes(base!.skRm));
    expect(hex(exportAsRecipient({ ...setup, privateKey, enc: sent.enc }))).toBe(exported_value);
  });
});

describe('@hpke/core', () => {
  const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const rounds = Array.from({ length: 25 }, (_, n) => ({ n, plaintext: randomBytes(n * 5) }));
  const newSetup = (n: number) => ({
    info: randomBytes(n * 13),
    psk: { id: randomBytes(n + 1), key: randomBytes(32 + n) },
    recipient: generateHpkeKeyPair(systemRandom),
    seed: randomBytes(32),
  });

  it.each(rounds)('derives the same key pair, round $n', async ({ n }) => {
    const { seed } = newSetup(n);
    const ours = generateHpkeKeyPair(giving(seed));
    const theirs = await suite.kem.deriveKeyPair(seed);
    expect(hex(ours.privateKey.expose())).toBe(hex(await suite.kem.serializePrivateKey(theirs.privateKey)));
    expect(hex(ours.publicKey)).toBe(hex(await suite.kem.serializePublicKey(theirs.publicKey)));
    expect(hpkePublicKey(ours.privateKey)).toEqual(ours.publicKey);
  });

  it.each(rounds)('seals to the same bytes under a pre-shared key, and each opens them, round $n', async (round) => {
    const { info, psk, recipient, seed } = newSetup(round.n);
    const sealed = sealWithPsk({ info, psk, recipientKey: recipient.publicKey }, round.plaintext, giving(seed));
    const recipientPublicKey = await suite.kem.deserializePublicKey(recipient.publicKey);
    const sender = await suite.createSenderContext({ recipientPublicKey, info, psk, ekm: seed });
    expect([hex(sealed.enc), hex(sealed.ciphertext)]).toEqual([
      hex(sender.enc),
      hex(await sender.seal(round.plaintext)),
    ]);
    const recipientKey = await suite.kem.deserializePrivateKey(recipient.privateKey.expose());
    const opener = await suite.createRecipientContext({ recipientKey, info, psk, enc: sealed.enc });
    expect(hex(await opener.open(sealed.ciphertext))).toBe(hex(round.plaintext));
    expect(openWithPsk({ info, psk, privateKey: recipient.privateKey, sealed })).toEqual(round.plaintext);
  });

  it.each(rounds)('exports the same secret in mode_base, round $n', async ({ n, plaintext: context }) => {
    const { info, recipient, seed } = newSetup(n);
    const { publicKey, privateKey } = recipient;
    const { enc, exported } = exportAsSender({ info, context, recipientKey: publicKey }, giving(seed));
    const recipientPublicKey = await suite.kem.deserializePublicKey(publicKey);
    const sender = await suite.createSenderContext({ recipientPublicKey, info, ekm: seed });
    expect([hex(enc), hex(exported)]).toEqual([hex(sender.enc), hex(await sender.export(context, 32))]);
    expect(exportAsRecipient({ info, context, privateKey, enc })).toEqual(exported);
  });
});
