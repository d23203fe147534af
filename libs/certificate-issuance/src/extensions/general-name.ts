import { isIPv4, isIPv6 } from 'node:net';
import { contextBytes, contextText, contextValue, DerError, encode, isContext, type Asn1 } from '../der/asn1';

/** GeneralName of RFC 5280, 4.2.1.6, as far as it is told apart here. */
export interface GeneralName {
  readonly kind: 'mail' | 'dns' | 'uri' | 'ip' | 'other';
  /** The text; of an IP address its usual text; of `other` its DER in hex. */
  readonly value: string;
}

const TAGS = { mail: 1, dns: 2, uri: 6 } as const;
const IP_TAG = 7;

export function encodeGeneralName({ kind, value }: GeneralName): Asn1 {
  if (kind === 'other') throw new RangeError('no profile has a name of another kind');
  if (kind === 'ip') return contextBytes(IP_TAG, ipBytes(value));
  return contextText(TAGS[kind], value);
}

/** @throws DerError for text that is not IA5 and for addresses of neither 4 nor 16 bytes */
export function decodeGeneralName(node: Asn1): GeneralName {
  for (const kind of ['uri', 'dns', 'mail'] as const)
    if (isContext(node, TAGS[kind], false)) return { kind, value: ia5(contextValue(node, TAGS[kind], kind)) };
  if (isContext(node, IP_TAG, false)) return { kind: 'ip', value: ipText(contextValue(node, IP_TAG, 'iPAddress')) };
  return { kind: 'other', value: encode(node).toString('hex') };
}

function ia5(bytes: Buffer): string {
  if (bytes.some((byte) => byte > 0x7e || byte < 0x20)) throw new DerError('a name with unprintable characters');
  return bytes.toString('latin1');
}

/**
 * An address in network order.
 * @throws RangeError for text that is no address, which requests are checked for first
 */
export function ipBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) throw new RangeError('neither an IPv4 nor an IPv6 address');
  // the last two groups may be written as IPv4 (RFC 4291, 2.2)
  const hex = text.replace(/[\d.]+\.[\d.]+$/, (v4) => {
    const bytes = ipBytes(v4);
    return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
  });
  const [head = '', tail] = hex.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  const out = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, i) => out.writeUInt16BE(parseInt(group, 16), i * 2));
  return out;
}

function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new DerError(`an address of ${bytes.length} bytes`);
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':');
}
