/** PKCS #10 requests as OpenSSL makes them, and what is refused of them (RFC 2986). */
import { reasonOf } from '@cpns/core/testing';
import { createPublicKey, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { bits, decode, encode, nothing, octets, oid, sequence, smallInteger, type Asn1 } from '../der/asn1';
import { OID } from '../der/oids';
import { KEY_KINDS } from '../keys/public-key';
import { localSigner } from '../keys/signer';
import { newKey, newSigner, openssl, opensslOk, withDirectory } from '../testing';
import { createCsr } from './create-csr';
import { CSR_MAX_BYTES, parseCsr } from './parse-csr';

interface RequestOptions {
  /** Arguments of `openssl genpkey`. */
  readonly key: readonly string[];
  /** Arguments of `openssl req`. */
  readonly request?: readonly string[];
}

const made = new Map<string, Buffer>();

/** A private key in PEM; one for each kind, since RSA keys take their time. */
function opensslKey(args: readonly string[]): Buffer {
  const pem = made.get(args.join(' ')) ?? opensslOk(['genpkey', ...args]);
  made.set(args.join(' '), pem);
  return pem;
}

/** A request, DER, made by OpenSSL alone. */
function opensslRequest({ key, request = [] }: RequestOptions): Buffer {
  return withDirectory((directory) => {
    const file = join(directory, 'key.pem');
    writeFileSync(file, opensslKey(key));
    return opensslOk(['req', '-new', '-key', file, '-outform', 'DER', '-subj', '/CN=ignored', ...request]);
  });
}

const EC = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const rsa = (size: number, ...more: string[]) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${size}`, ...more];
const pss = (salt: string) => ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', `rsa_pss_saltlen:${salt}`];
const OTHER_MASK = [...pss('32'), '-sha256', '-sigopt', 'rsa_mgf1_md:sha1'];

describe('requests that OpenSSL made', () => {
  it.each<[string, RequestOptions]>([
    ['P-256', { key: EC }],
    ['P-256', { key: EC, request: ['-sha384'] }],
    ['P-256', { key: EC, request: ['-sha512'] }],
    ['RSA-2048', { key: rsa(2048) }],
    ['RSA-2048', { key: rsa(2048), request: ['-sha512'] }],
    ['RSA-2048', { key: rsa(2048), request: [...pss('32'), '-sha256'] }],
    ['RSA-2048', { key: rsa(2048), request: [...pss('max'), '-sha384'] }],
    ['RSA-3072', { key: rsa(3072) }],
    ['RSA-3072', { key: rsa(3072), request: [...pss('digest'), '-sha512'] }],
    ['Ed25519', { key: ['-algorithm', 'ED25519'] }],
  ])('%s: %j', (kind, options) => {
    const der = opensslRequest(options);
    const csr = parseCsr(der);
    expect(csr.keyKind).toBe(kind);
    expect(csr.requestedNames).toEqual([]);
    const pem = opensslOk(['req', '-inform', 'DER', '-pubkey', '-noout'], der).toString();
    const spki = createPublicKey(pem).export({ format: 'der', type: 'spki' });
    expect(csr.spki).toEqual(spki);
    expect(csr.publicKey.export({ format: 'der', type: 'spki' })).toEqual(spki);
  });

  it('with a name, other extensions and other attributes', () => {
    const uri = 'cpns://pn1.example.org/pne/camera?user=alice';
    const added = [`subjectAltName=URI:${uri}`, 'keyUsage=keyCertSign', 'basicConstraints=CA:TRUE'];
    const request = added.flatMap((extension) => ['-addext', extension]);
    const csr = parseCsr(opensslRequest({ key: EC, request }));
    expect(csr.requestedNames).toEqual([[{ kind: 'uri', value: uri }]]);
  });

  const curve = (name: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];
  it.each<[string, string, RequestOptions]>([
    ['RSA-1024', 'CSR_WEAK_KEY', { key: rsa(1024) }],
    ['RSA-2047', 'CSR_WEAK_KEY', { key: rsa(2047) }],
    ['RSA-4096', 'CSR_WEAK_KEY', { key: rsa(4096) }],
    ['RSA-2048 with exponent 3', 'CSR_WEAK_KEY', { key: rsa(2048, '-pkeyopt', 'rsa_keygen_pubexp:3') }],
    ['RSA-2048 with exponent 2^32 + 1', 'CSR_WEAK_KEY', { key: rsa(2048, '-pkeyopt', 'rsa_keygen_pubexp:4294967297') }],
    ['an RSA-PSS key', 'CSR_WEAK_KEY', { key: ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'] }],
    ['P-384', 'CSR_WEAK_KEY', { key: curve('P-384') }],
    ['P-521', 'CSR_WEAK_KEY', { key: curve('P-521') }],
    ['secp256k1', 'CSR_WEAK_KEY', { key: curve('secp256k1') }],
    ['P-256 by explicit parameters', 'CSR_WEAK_KEY', { key: [...EC, '-pkeyopt', 'ec_param_enc:explicit'] }],
    ['Ed448', 'CSR_WEAK_KEY', { key: ['-algorithm', 'ED448'] }],
    ['SHA-1 with P-256', 'CSR_SIGNATURE', { key: EC, request: ['-sha1'] }],
    ['SHA-1 with RSA', 'CSR_SIGNATURE', { key: rsa(2048), request: ['-sha1'] }],
    ['SHA-224 with RSA', 'CSR_SIGNATURE', { key: rsa(2048), request: ['-sha224'] }],
    ['PSS with SHA-1', 'CSR_SIGNATURE', { key: rsa(2048), request: [...pss('20'), '-sha1'] }],
    ['PSS with another hash for its mask', 'CSR_SIGNATURE', { key: rsa(2048), request: OTHER_MASK }],
  ])('%s: %s', (_what, reason, options) => {
    expect(reasonOf(() => parseCsr(opensslRequest(options)))).toBe(reason);
  });
});

/** A request of three parts, signed by the key, or as the parts say. */
interface Parts {
  info: Asn1[];
  algorithm: Asn1;
  signature?: Buffer;
}

const key = newKey();

function assemble(edit: (parts: Parts) => void): Buffer {
  const signer = localSigner(key);
  const parts: Parts = {
    info: [smallInteger(0), sequence(), structuredClone(signer.publicKey.node), structuredClone(EMPTY_ATTRIBUTES)],
    algorithm: sequence(oid(OID.ecdsaWithSha256)),
  };
  edit(parts);
  const info = sequence(...parts.info);
  const signature = parts.signature ?? (signer.sign(encode(info)) as Buffer);
  return encode(sequence(info, parts.algorithm, bits(signature)));
}

const EMPTY_ATTRIBUTES = decode(Buffer.from('a000', 'hex'), 2);
const hex = (text: string): Asn1 => decode(Buffer.from(text.replace(/ /g, ''), 'hex'), 1000);
const spkiOf = (algorithm: Asn1, content: Uint8Array): Asn1 => sequence(algorithm, bits(content));
const point = () => localSigner(key).publicKey.bits;

/** An attribute of a type that is passed over: 1.2.840.113549.1.9.7, a challenge password. */
const CHALLENGE = '30 0f 06 09 2a 86 48 86 f7 0d 01 09 07 31 02 0c 00';

type Edit = (parts: Parts) => unknown;
const signedWith =
  (...algorithm: Asn1[]): Edit =>
  (parts) =>
    (parts.algorithm = sequence(...algorithm));
const info =
  (at: number, text: string): Edit =>
  (parts) =>
    (parts.info[at] = hex(text));
const keyOf =
  (algorithm: Asn1[], content: () => Uint8Array): Edit =>
  (parts) =>
    (parts.info[2] = spkiOf(sequence(...algorithm), content()));
const P256 = [oid(OID.ecPublicKey), oid(OID.p256)];
const RSA = oid(OID.rsaEncryption);
const ED25519 = oid(OID.ed25519);
const offCurve = () => Buffer.concat([point().subarray(0, 64), Buffer.from([point()[64]! ^ 1])]);
const compressed = () => Buffer.concat([Buffer.from([2 + (point()[64]! & 1)]), point().subarray(1, 33)]);
/** 2^2047, with the usual exponent. */
const evenModulus = () => encode(hex(`30 82 01 0a 02 82 01 01 00 80 ${'00'.repeat(255)} 02 03 01 00 01`));

describe('a request altered in one place', () => {
  it.each<[string, string, Edit]>([
    ['a version of its own', 'CSR_NOT_DER', info(0, '02 01 01')],
    ['a subject that is no name', 'CSR_NOT_DER', info(1, '02 01 01')],
    ['an empty RDN', 'CSR_NOT_DER', info(1, '30 02 31 00')],
    ['no attributes', 'CSR_NOT_DER', (parts) => parts.info.pop()],
    ['a field more', 'CSR_NOT_DER', (parts) => parts.info.push(nothing())],
    ['attributes that are none', 'CSR_NOT_DER', info(3, 'a0 03 02 01 00')],
    ['an attribute without a value', 'CSR_NOT_DER', info(3, 'a0 09 30 07 06 03 55 04 03 31 00')],
    ['an attribute that is passed over', 'accepted', info(3, `a0 11 ${CHALLENGE}`)],
    ['ECDSA with NULL parameters', 'CSR_NOT_DER', signedWith(oid(OID.ecdsaWithSha256), nothing())],
    ['the hash of another algorithm', 'CSR_SIGNATURE', signedWith(oid(OID.ecdsaWithSha384))],
    ['an RSA algorithm', 'CSR_SIGNATURE', signedWith(oid(OID.sha256WithRsa), nothing())],
    ['the Ed25519 algorithm', 'CSR_SIGNATURE', signedWith(ED25519)],
    ['no signature', 'CSR_SIGNATURE', (parts) => (parts.signature = Buffer.alloc(0))],
    [
      'another key’s signature',
      'CSR_SIGNATURE',
      (parts) => (parts.signature = sign('sha256', encode(sequence(...parts.info)), newKey())),
    ],
    ['another key than signed it', 'CSR_SIGNATURE', (parts) => (parts.info[2] = newSigner().publicKey.node)],
    ['a point that is not on the curve', 'CSR_WEAK_KEY', keyOf(P256, offCurve)],
    ['a point in compressed form', 'CSR_WEAK_KEY', keyOf(P256, compressed)],
    ['the point at infinity', 'CSR_WEAK_KEY', keyOf(P256, () => Buffer.from([0]))],
    ['a curve without a name', 'CSR_WEAK_KEY', keyOf(P256.slice(0, 1), point)],
    ['an RSA key without its NULL', 'CSR_NOT_DER', keyOf([RSA], point)],
    ['an RSA key whose modulus is even', 'CSR_WEAK_KEY', keyOf([RSA, nothing()], evenModulus)],
    ['an RSA key that is no structure', 'CSR_NOT_DER', keyOf([RSA, nothing()], point)],
    ['an Ed25519 key of 31 bytes', 'CSR_NOT_DER', keyOf([ED25519], () => Buffer.alloc(31, 7))],
    ['an Ed25519 key with parameters', 'CSR_NOT_DER', keyOf([ED25519, nothing()], () => Buffer.alloc(32, 7))],
    ['an unknown algorithm', 'CSR_WEAK_KEY', keyOf([hex('06 03 2a 03 04')], point)],
  ])('%s: %s', (_what, reason, edit) => {
    expect(reasonOf(() => parseCsr(assemble(() => undefined)))).toBe('accepted');
    expect(reasonOf(() => parseCsr(assemble(edit)))).toBe(reason);
  });

  it.each([
    ['bytes after it', 'CSR_TRAILING_BYTES', (der: Buffer) => Buffer.concat([der, Buffer.from([0])])],
    ['itself after it', 'CSR_TRAILING_BYTES', (der: Buffer) => Buffer.concat([der, der])],
    ['an end cut off', 'CSR_NOT_DER', (der: Buffer) => der.subarray(0, -1)],
    ['no bytes', 'CSR_NOT_DER', () => Buffer.alloc(0)],
    ['PEM', 'CSR_NOT_DER', (der: Buffer) => opensslOk(['req', '-inform', 'DER'], der)],
    ['another structure', 'CSR_NOT_DER', () => encode(sequence(octets(Buffer.alloc(3))))],
    ['more bytes than are read', 'CSR_NOT_DER', () => encode(sequence(octets(Buffer.alloc(CSR_MAX_BYTES))))],
    [
      'an indefinite length',
      'CSR_NOT_DER',
      (der: Buffer) => Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(3), Buffer.alloc(2)]),
    ],
  ])('%s: %s', (_what, reason, alter) => {
    const good = assemble(() => undefined);
    expect(reasonOf(() => parseCsr(good))).toBe('accepted');
    expect(reasonOf(() => parseCsr(alter(good)))).toBe(reason);
  });

  // RFC 8032 has no rule against them, so OpenSSL verifies such a signature, which nobody needed a key for
  it.each(['00', '01', 'ec', 'ed', 'ee'])('an Ed25519 point of small order, %s…', (first) => {
    const rest = first === '00' || first === '01' ? '00'.repeat(31) : `${'ff'.repeat(30)}7f`;
    const der = assemble((parts) => {
      parts.info[2] = spkiOf(sequence(oid(OID.ed25519)), Buffer.from(first + rest, 'hex'));
      parts.algorithm = sequence(oid(OID.ed25519));
      parts.signature = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]);
    });
    if (first === '01')
      expect(openssl(['req', '-inform', 'DER', '-verify', '-noout'], der).stderr).toContain('verify OK');
    expect(reasonOf(() => parseCsr(der))).toBe('CSR_WEAK_KEY');
  });
});

describe('no other request proves possession', () => {
  it.each(KEY_KINDS)('of a %s key: any byte changed', async (kind) => {
    const good = await createCsr(newSigner(kind), { uri: 'cpns://pn1.example.org/pne/camera' });
    expect(reasonOf(() => parseCsr(good))).toBe('accepted');
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const altered = Buffer.from(good);
        altered[at] = altered[at]! ^ flip;
        expect(reasonOf(() => parseCsr(altered))).toMatch(/^CSR_/);
      }),
      { numRuns: 400 },
    );
  });

  it('and any bytes are answered with a reason', () => {
    const good = assemble(() => undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(good.length), fc.nat(good.length), (noise, from, to) => {
        const spliced = Buffer.concat([good.subarray(0, from), noise, good.subarray(to)]);
        if (!spliced.equals(good)) expect(reasonOf(() => parseCsr(spliced))).toMatch(/^CSR_/);
        expect(reasonOf(() => parseCsr(noise))).toMatch(/^CSR_/);
      }),
      { numRuns: 1000 },
    );
  });
});
