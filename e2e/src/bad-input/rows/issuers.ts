/**
 * The hierarchical trust model (5.3.1.12.5.4): a certificate counts only where the admission names its issuer as assigner,
 * and only while that issuer is in force.
 */
import {
  createDevelopmentPki,
  createIssuer,
  issueCertificate,
  newPrivateKey,
  signerFromPkcs8,
} from '@cpns/certificate-issuance';
import type { RegistrationRequest } from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { issued, minted } from '../../support/credentials';
import { sealCertificateRegistration } from '../../support/drafts';
import { row, type Expectation, type Row } from '../row';
import type { Token, World } from '../world';
import { assignCertificate } from './assignment-stage';
import {
  certificateDraft,
  certificateFor,
  certificateRegistrationRows,
  instead,
  register,
  type AlteredCertificate,
  type RegistrationPort,
} from './registration-stage';

const TARGET = { profile: 'target-entity' } as const;
const denied = (reason: Expectation['reason']): Expectation => ({ code: 'PERMISSION_DENIED', reason });
const unknown = (reason: Expectation['reason']): Expectation => ({ code: 'UNAUTHENTICATED', reason });

/** Issued by somebody who is no assigner of this entity. */
const otherIssuer: AlteredCertificate[] = [
  {
    id: 'certificate by a gateway CA of another PN',
    item: 'a SAN of another PN',
    clause: 'protocol, Certificates',
    draft: async (draft, { other }) => instead(draft, await minted(other.ca, { ...TARGET, uri: draft.entity })),
    expect: denied('PN_MISMATCH'),
  },
  {
    id: 'certificate of the Server for an entity that a gateway assigns',
    item: 'a token for the other assigner',
    clause: 'EUK-GW-VERIFY',
    draft: async (draft, { authorities }) =>
      instead(draft, await minted(authorities.entityCa, { ...TARGET, uri: draft.entity })),
    expect: denied('ISSUER_NOT_ASSIGNER'),
  },
  {
    id: 'certificate by a gateway CA that the Server did not give',
    item: 'a token for the other assigner',
    clause: 'Q9',
    draft: async (draft, { probe, authorities }) => {
      const privateKey = newPrivateKey();
      const signer = signerFromPkcs8(privateKey);
      const key = signer.publicKey;
      const { chain } = await issueCertificate(
        authorities.issuingCa,
        { profile: 'gateway-ca', uri: probe.uri, key },
        { clock: systemClock, random: systemRandom },
      );
      return instead(draft, await minted(createIssuer(chain, signer), { ...TARGET, uri: draft.entity }));
    },
    expect: unknown('CERTIFICATE_REVOKED'),
  },
  {
    id: 'certificate under another root',
    item: 'a caller of the wrong trust domain',
    clause: 'protocol, Certificates',
    draft: async (draft, { deployment }) => {
      const { serverEntityCa } = await createDevelopmentPki({ trustDomain: deployment.trustDomain });
      return instead(draft, await issued(serverEntityCa.issuer, { ...TARGET, uri: draft.entity }));
    },
    expect: unknown('CERTIFICATE_CHAIN'),
  },
  {
    id: 'certificate that has expired',
    item: 'a token that is expired',
    clause: 'RFC 5280, 4.1.2.5',
    draft: async (draft, { probe }) =>
      instead(draft, await minted(probe.ca, { ...TARGET, uri: draft.entity, notAfter: Date.now() - 2_000 })),
    expect: unknown('CERTIFICATE_EXPIRED'),
  },
];

interface ForServer {
  readonly world: World;
  readonly token: Token;
  /** What the Server assigned, and what a gateway CA made for the same entity. */
  readonly rightful: RegistrationRequest;
  readonly usurped: RegistrationRequest;
}

/** Two authorities vouch for one entity, and the admission names the other one. */
const notAssigner = (assigner: 'server' | 'gateway', at: RegistrationPort): Row =>
  row<ForServer>({
    id: `certificate by a gateway CA for an entity that ${assigner === 'server' ? 'the Server' : 'another gateway'} assigns`,
    item: 'a gateway CA’s certificate for an entity that the Server assigns',
    clause: 'EUK-GW-VERIFY',
    at,
    expect: denied('ISSUER_NOT_ASSIGNER'),
    arrange: async (world) => {
      const token = await world.admit({ form: 'key-pair', assigner });
      const rightful = sealCertificateRegistration(certificateDraft(token, await assignCertificate(world, token)));
      const own = await certificateFor(token, world.probe.ca);
      return { world, token, rightful, usurped: sealCertificateRegistration(certificateDraft(token, own)) };
    },
    // for another entity: this one's own registration comes last, and is good still
    good: async ({ world }) => {
      const token = await world.admit({ form: 'key-pair', assigner });
      const draft = certificateDraft(token, await assignCertificate(world, token));
      await register(world, at, sealCertificateRegistration(draft));
    },
    bad: ({ world, usurped }) => register(world, at, usurped),
    after: ({ world, rightful }) => register(world, at, rightful),
  });

export const ISSUER_ROWS: readonly Row[] = [
  ...certificateRegistrationRows(otherIssuer),
  ...(['gateway token', 'Server certificate'] as const).map((at) => notAssigner('server', at)),
  notAssigner('gateway', 'gateway token'),
];
