import { spawnSync } from 'node:child_process';
import { formatSubject } from '@cpns/core';
import { reasonOf } from '@cpns/core/testing';
import fc from 'fast-check';
import { KEY_KINDS } from '../keys/public-key';
import { newSigner } from '../testing';
import { checkRequestedName } from './check-requested-name';
import { createCsr } from './create-csr';
import { parseCsr } from './parse-csr';

const ENTITY = 'cpns://pn1.example.org/pne/camera-1';

/** What OpenSSL says of a request: its verdict, which does not show in the exit code of every version, and the text. */
function openssl(csr: Buffer): { readonly verified: boolean; readonly text: string } {
  const run = spawnSync('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-text'], { input: csr });
  return { verified: run.stderr.toString().includes('verify OK'), text: run.stdout.toString() };
}

describe('createCsr', () => {
  it.each(KEY_KINDS)('%s: OpenSSL verifies the request, and it is read back', async (kind) => {
    const csr = await createCsr(newSigner(kind), { uri: ENTITY });
    const { verified, text } = openssl(csr);
    expect(verified).toBe(true);
    expect(text).toContain(`URI:${ENTITY}`);
    const parsed = parseCsr(csr);
    expect(parsed.keyKind).toBe(kind);
    expect(parsed.requestedNames).toEqual([[{ kind: 'uri', value: ENTITY }]]);
  });

  it.each(KEY_KINDS)('%s: asks for no name unless told to', async (kind) => {
    const csr = await createCsr(newSigner(kind));
    const { verified, text } = openssl(csr);
    expect(verified).toBe(true);
    expect(text).not.toContain('Subject Alternative Name');
    expect(parseCsr(csr).requestedNames).toEqual([]);
  });

  it('is refused by OpenSSL when another key signed it', async () => {
    const signer = newSigner();
    const other = newSigner();
    const csr = await createCsr({ publicKey: signer.publicKey, sign: (tbs) => other.sign(tbs) });
    expect(openssl(csr).verified).toBe(false);
    expect(reasonOf(() => parseCsr(csr))).toBe('CSR_SIGNATURE');
  });

  it.each([
    ['a URL of another scheme', 'https://pn1.example.org/pne/camera-1', 'NAME_INVALID'],
    ['a name with user-info', 'cpns://pn1.example.org:x@pn2.example.org/pne/camera-1', 'NAME_INVALID'],
    ['an empty name', '', 'FIELD_MISSING'],
  ])('refuses %s before anything is signed', async (_what, uri, reason) => {
    const signer = newSigner();
    const sign = jest.fn((tbs: Buffer) => signer.sign(tbs));
    await expect(createCsr({ publicKey: signer.publicKey, sign }, { uri })).rejects.toMatchObject({ reason });
    expect(sign).not.toHaveBeenCalled();
  });

  it('writes any subject so that it is read back and is the admitted one', async () => {
    const signer = newSigner();
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
