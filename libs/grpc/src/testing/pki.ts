import { parseSubject, type Role } from '@cpns/core';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientTls, Peer, ServerTls } from '..';
import { soleUri } from '../client/peer-check';

/** A certificate with its chain up to the root, and its key. PEM. */
export interface TestCredential {
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Authority {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A root and an issuing CA made by OpenSSL for one test file. */
export class TestPki {
  readonly #directory = mkdtempSync(join(tmpdir(), 'cpns-pki-'));
  readonly #root: Authority;
  readonly #issuing: Authority;
  #count = 0;

  /** Within the tests of a file, after which its directory is gone. */
  constructor() {
    afterAll(() => rmSync(this.#directory, { recursive: true, force: true }));
    const ca = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
    this.#root = this.#make('/CN=Test Root', ca);
    this.#issuing = this.#make('/CN=Test Issuing CA', ca, this.#root);
  }

  get root(): Buffer {
    return readFileSync(this.#root.certFile);
  }

  /** @param sans such as `URI:cpns://td.example/service/kmc`; valid for both ends of a connection */
  issue(...sans: readonly string[]): TestCredential {
    const leaf = this.#make(
      '/CN=ignored',
      [
        'basicConstraints=critical,CA:FALSE',
        'keyUsage=critical,digitalSignature',
        'extendedKeyUsage=serverAuth,clientAuth',
        `subjectAltName=${sans.join(',')}`,
      ],
      this.#issuing,
    );
    const chain = [leaf.certFile, this.#issuing.certFile, this.#root.certFile].map((file) => readFileSync(file));
    return { cert: Buffer.concat(chain), key: readFileSync(leaf.keyFile) };
  }

  /** What a server on this machine shows. */
  server(uri: string): ServerTls {
    return { ...this.issue(`URI:${uri}`, 'IP:127.0.0.1', 'DNS:localhost'), ca: this.root };
  }

  client(uri: string): ClientTls {
    return { ...this.issue(`URI:${uri}`), root: this.root };
  }

  /** A leaf alone, DER. */
  leaf(...sans: readonly string[]): Buffer {
    return new X509Certificate(this.issue(...sans).cert).raw;
  }

  #make(subject: string, extensions: readonly string[], issuer?: Authority): Authority {
    const name = join(this.#directory, String(this.#count++));
    const made = { certFile: `${name}.pem`, keyFile: `${name}.key` };
    const config = `${name}.cnf`;
    writeFileSync(config, '[req]\ndistinguished_name=dn\n[dn]\n');
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-config', config, '-subj', subject, '-keyout', made.keyFile, '-out', made.certFile],
        ...extensions.flatMap((extension) => ['-addext', extension]),
        ...(issuer === undefined ? [] : ['-CA', issuer.certFile, '-CAkey', issuer.keyFile]),
      ],
      { stdio: 'pipe' },
    );
    return made;
  }
}

/** Believes the name alone, which only a test may: the role of an entity is `pn-gw` or `target-entity` by its path. */
export function identifyByName(leafDer: Buffer): Peer {
  const certificate = new X509Certificate(leafDer);
  const { name, user } = parseSubject(soleUri(certificate.subjectAltName) ?? '');
  const roles: Record<string, Role> = { pne: 'target-entity', 'pn-gw': 'pn-gw' };
  const role = name.kind === 'entity' ? roles[name.entityType] : name.kind;
  return {
    uri: name.uri,
    name,
    user,
    role: role ?? 'target-entity',
    fingerprint: createHash('sha256').update(leafDer).digest(),
    keyDigest: createHash('sha256')
      .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
      .digest(),
    leafDer,
    notAfter: Date.parse(certificate.validTo),
  };
}
