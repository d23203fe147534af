/** The forms in which bytes leave a program by mistake. */

export interface Encoding {
  readonly name: string;
  /** What is looked for; bytes beside the secret in the same text do not hide it. */
  readonly encode: (secret: Buffer) => Buffer;
}

const text = (name: string, encode: (secret: Buffer) => string): Encoding => ({
  name,
  encode: (secret) => Buffer.from(encode(secret), 'latin1'),
});

/**
 * The characters of base64 that depend on the secret alone when `before` bytes of something else stand before it: four
 * characters hold three bytes, so that a secret looks different at each of three places.
 */
function aligned(secret: Buffer, before: number, alphabet: 'base64' | 'base64url'): string {
  const encoded = Buffer.concat([Buffer.alloc(before), secret])
    .toString(alphabet)
    .replace(/=+$/, '');
  const first = Math.ceil((before * 4) / 3);
  const last = Math.floor(((before + secret.length) * 4) / 3);
  return encoded.slice(first, last);
}

const ALIGNMENTS = [0, 1, 2] as const;

export const ENCODINGS: readonly Encoding[] = [
  { name: 'raw', encode: (secret) => secret },
  text('hex, lower case', (secret) => secret.toString('hex')),
  text('hex, upper case', (secret) => secret.toString('hex').toUpperCase()),
  ...(['base64', 'base64url'] as const).flatMap((alphabet) =>
    ALIGNMENTS.map((before) => text(`${alphabet}, alignment ${before}`, (secret) => aligned(secret, before, alphabet))),
  ),
  text('decimal array', (secret) => [...secret].join(',')),
  text('decimal array, spaced', (secret) => [...secret].join(', ')),
  text('Buffer JSON', (secret) => JSON.stringify(secret).replace(/^\{"type":"Buffer","data":\[|\]\}$/g, '')),
];
