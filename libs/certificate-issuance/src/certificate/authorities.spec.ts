import { reasonOf } from '@cpns/core/testing';
import { eachTestWorld, mint, world } from '../testing';
import { AUTHORITIES_MAX, parseAuthority } from './authorities';

eachTestWorld();

it('gives the same object for the same bytes, and forgets the ones longest unused', async () => {
  const { pki, root, leafKey } = world;
  const first = parseAuthority(root);
  expect(parseAuthority(Buffer.from(root))).toBe(first);
  const template = await mint(pki.issuingCa.issuer, { profile: 'server-entity-ca', key: leafKey });
  for (let i = 0; i < AUTHORITIES_MAX; i++) {
    // the end of the signature: other bytes, still a certificate
    const other = Buffer.from(template);
    other.writeUInt16BE(i, other.length - 2);
    parseAuthority(other);
    if (i === AUTHORITIES_MAX / 2) expect(parseAuthority(root)).toBe(first);
  }
  expect(parseAuthority(root)).toBe(first);
  const last = parseAuthority(template);
  for (let i = 0; i <= AUTHORITIES_MAX; i++) {
    const other = Buffer.from(template);
    other.writeUInt16BE(i, other.length - 6);
    parseAuthority(other);
  }
  expect(parseAuthority(root)).not.toBe(first);
  expect(parseAuthority(template)).not.toBe(last);
});

it('does not keep what is no certificate', () => {
  expect(reasonOf(() => parseAuthority(Buffer.alloc(10)))).toBe('CERTIFICATE_MALFORMED');
  expect(reasonOf(() => parseAuthority(Buffer.alloc(10)))).toBe('CERTIFICATE_MALFORMED');
});
