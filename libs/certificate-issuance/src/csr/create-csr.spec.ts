import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { formatSubject } from '@cpns/core';
import { reasonOf } from '@cpns/core/testing';
import fc from 'fast-check';
import { localSigner } from '../keys/signer';
import type { KeyKind } from '../keys/public-key';
import { checkRequestedName } from './check-requested-name';
import { createCsr } from './create-csr';
import { parseCsr } from './parse-csr';

const KEYS: Readonly<Record<KeyKind, () => KeyObject>> = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'RSA-2048': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'RSA-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey,
  Ed25519: () => generateKeyPairSync('ed25519').privateKey,
};
const KINDS = Object.keys(KEYS) as KeyKind[];
const ENTITY = 'cpns://pn1.example.org/pne/camera-1';

/** What OpenSSL says of a request: its verdict, which does not show in the exit code of every version, and the text. */
function openssl(csr: Buffer): { readonly verified: boolean; readonly text: string } {
  const run = spawnSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-text'], { input: csr });
  return { verified: run.stderr.toString().includes('verify OK'), text: run.stdout.toString() };
}

describe('createCsr', () => {
  it.each(KINDS)('%s: OpenSSL verifies the request, and it is read back', async (kind) => {
    const csr = await createCsr(localSigner(KEYS[kind]()), { uri: ENTITY });
    const { verified, text } = openssl(csr);
    expect(verified).toBe(true);
    expect(text).toContain(`URI:${ENTITY}`);
    const parsed = parseCsr(csr);
    expect(parsed.keyKind).toBe(kind);
    expect(parsed.requestedNames).toEqual([[{ kind: 'uri', value: ENTITY }]]);
  });

  it.each(KINDS)('%s: asks for no name unless told to', async (kind) => {
    const csr = await createCsr(localSigner(KEYS[kind]()));
    const { verified, text } = openssl(csr);
    expect(verified).toBe(true);
    expect(text).not.toContain('Subject Alternative Name');
    expect(parseCsr(csr).requestedNames).toEqual([]);
  });

  it('is refused by OpenSSL when another key signed it', async () => {
    const signer = localSigner(KEYS['P-256']());
    const other = localSigner(KEYS['P-256']());
    const csr = await createCsr({ publicKey: signer.publicKey, sign: (tbs) => other.sign(tbs) });
    expect(openssl(csr).verified).toBe(false);
    expect(reasonOf(() => parseCsr(csr))).toBe('CSR_SIGNATURE');
  });

  it.each([
    ['a URL of another scheme', 'https://pn1.example.org/pne/camera-1', 'NAME_INVALID'],
    ['a name with user-info', 'cpns://pn1.example.org:x@pn2.example.org/pne/camera-1', 'NAME_INVALID'],
    ['an empty name', '', 'FIELD_MISSING'],
  ])('refuses %s before anything is signed', async (_what, uri, reason) => {
    const signer = localSigner(KEYS['P-256']());
    const sign = jest.fn((tbs: Buffer) => signer.sign(tbs));
    await expect(createCsr({ publicKey: signer.publicKey, sign }, { uri })).rejects.toMatchObject({ reason });
    expect(sign).not.toHaveBeenCalled();
  });

  it('writes any subject so that it is read back and is the admitted one', async () => {
    const signer = localSigner(KEYS['P-256']());
    const id = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/);
    await fc.assert(
      fc.asyncProperty(id, fc.option(id, { nil: '' }), async (entityId, user) => {
        const uri = formatSubject(`cpns://pn1.example.org/pne/${entityId}`, user);
        const parsed = parseCsr(await createCsr(signer, { uri }));
        expect(parsed.requestedNames).toEqual([[{ kind: 'uri', value: uri }]]);
        expect(() => checkRequestedName(parsed, uri)).not.toThrow();
      }),
      { numRuns: 50 },
    );
  });
});
