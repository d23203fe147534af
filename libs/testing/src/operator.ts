import {
  EnrolmentServiceService,
  EntityRole,
  EntityUserKeyServiceService,
  type Admission,
  type AdmitEntityRequest,
  type EndReport,
  RevokeEntityUserKeyRequest,
  wireKeyForm,
} from '@cpns/contracts';
import { duration, SECRET_BYTES, TokenSecret } from '@cpns/core';
import {
  checkHealth,
  connectTo,
  type ClientMethods,
  type ClientTls,
  type Connection,
  type HealthStatus,
} from '@cpns/grpc';
import { deriveTokenAuthKey, formatOneTimeString, sha256, type KeyForm } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { waitUntil } from './wait-until';
import { Groups } from './groups';
import type { CredentialFiles, PkiFiles } from './pki-files';

/** A port that is called: the URI of its service or gateway, and `host:port`. */
export interface CalledPort {
  readonly uri: string;
  readonly address: string;
}

/** An admission of a target entity, in the words of {@link Operator.admit}. */
export interface AdmitRequest {
  /** E */
  readonly entity: string;
  readonly user?: string;
  readonly form: KeyForm;
  /** E of a gateway; the CPNS Server without it. */
  readonly assigner?: string;
  /** Whom the entity calls, at its token port. */
  readonly peer: CalledPort;
  /** Milliseconds from now; an hour by default. */
  readonly lifetime?: number;
  /** Unix milliseconds, in place of a lifetime where the Server has another clock. */
  readonly expiresAt?: number;
  /** Waits until the assigner has the admission; true by default. */
  readonly waitUntilDelivered?: boolean;
}

export interface Admitted {
  readonly tokenId: string;
  /** Holds T: for the entity's eyes, never for a log. */
  readonly oneTimeString: string;
  readonly admission: Admission;
}

const DELIVERY_MS = 20_000;
/** An answer waits for the new versions of all groups. */
const END_MS = 30_000;

/** The files of an operator, and of the root that he believes. */
export interface OperatorFiles extends Pick<PkiFiles, 'root' | 'rootDer'> {
  readonly operator: Pick<CredentialFiles, 'chain' | 'key'>;
}

/** An operator of the deployment: what he calls at the CPNS Server, and at the SMF. */
export class Operator {
  /** To the CPNS Server. */
  readonly connection: Connection;
  readonly groups: Groups;
  readonly enrolment: ClientMethods<typeof EnrolmentServiceService>;
  readonly entityUserKeys: ClientMethods<typeof EntityUserKeyServiceService>;
  readonly #rootDigest: Buffer;
  readonly #smf: Connection;
  readonly #tls: ClientTls;

  constructor(
    { server, smf }: Readonly<Record<'server' | 'smf', CalledPort>>,
    { root, rootDer, operator }: OperatorFiles,
  ) {
    const tls = { root: readFileSync(root), cert: readFileSync(operator.chain), key: readFileSync(operator.key) };
    this.#tls = tls;
    this.connection = connectTo({ address: server.address, expectedPeer: server.uri, tls });
    // a group comes with all its members
    this.#smf = connectTo({ address: smf.address, expectedPeer: smf.uri, tls, maxMessageBytes: 8 * 1024 * 1024 });
    this.groups = new Groups(this.#smf, this.connection);
    this.enrolment = this.connection.client(EnrolmentServiceService);
    this.entityUserKeys = this.connection.client(EntityUserKeyServiceService);
    this.#rootDigest = sha256(rootDer);
  }

  /** Admits an entity, and makes the one string that it is handed. @throws CpnsError what the Server refuses it with */
  admit(request: AdmitRequest): Promise<Admitted> {
    return this.#admit(request, { role: EntityRole.ENTITY_ROLE_TARGET_ENTITY, dnsNames: [], ipAddresses: [] });
  }

  /** Admits a PN GW that acts, at an address of this machine: a device checks that the certificate holds what it dials. */
  admitGateway(
    entity: string,
    peer: CalledPort,
    until: Pick<AdmitRequest, 'lifetime' | 'expiresAt'> = {},
  ): Promise<Admitted> {
    const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };
    return this.#admit({ entity, form: 'key-pair', peer, ...until }, { role: EntityRole.ENTITY_ROLE_PN_GW, ...names });
  }

  async #admit(
    request: AdmitRequest,
    names: Pick<AdmitEntityRequest, 'role' | 'dnsNames' | 'ipAddresses'>,
  ): Promise<Admitted> {
    const { entity, user = '', form, assigner = '', peer, lifetime = duration(1, 'hour') } = request;
    const secret = new TokenSecret(randomBytes(SECRET_BYTES));
    const { admission } = await this.enrolment.admitEntity({
      entity,
      user,
      form: wireKeyForm(form),
      assigner,
      tokenAuthKey: deriveTokenAuthKey(secret).expose(),
      expiresAt: BigInt(request.expiresAt ?? Date.now() + lifetime),
      ...names,
    });
    if (admission === undefined) throw new Error('the Server answered without the admission');
    const { tokenId } = admission;
    if (request.waitUntilDelivered ?? true)
      await waitUntil(
        `the admission of ${entity} to its assigner`,
        async () => (await this.admissions(entity)).some((one) => one.tokenId === tokenId && one.delivered),
        { withinMs: DELIVERY_MS },
      );
    const { uri, address } = peer;
    const content = { tokenId, secret, rootDigest: this.#rootDigest, entity, user, form, peer: uri, endpoint: address };
    return { tokenId, oneTimeString: formatOneTimeString(content), admission };
  }

  /** The admissions of one entity. @throws CpnsError NOT_FOUND */
  async admissions(entity: string): Promise<Admission[]> {
    return (await this.enrolment.listAdmissions({ entity, pageSize: 0, pageToken: '' })).admissions;
  }

  /** Ends an admission. */
  async revokeAdmission(entity: string, tokenId: string): Promise<void> {
    await this.enrolment.revokeAdmission({ entity, tokenId });
  }

  /** Ends an entity's key and admissions, or a gateway. */
  async revokeKey(entity: string): Promise<void> {
    await this.end({ entity });
  }

  /**
   * Ends a right, or has it rest: a revocation of an entity's newest key unless said otherwise.
   * @returns what followed by the time of the answer
   */
  async end(wanted: Partial<RevokeEntityUserKeyRequest>, deadlineMs = END_MS): Promise<EndReport> {
    const request = RevokeEntityUserKeyRequest.fromPartial(wanted);
    const { report } = await this.entityUserKeys.revokeEntityUserKey(request, { deadlineMs });
    if (report === undefined) throw new Error('the Server answered without the report');
    return report;
  }

  /**
   * Q2: makes a pre-shared key the live Entity-User Key of an entity.
   * @param key 32 bytes
   * @param lifetime milliseconds from now
   * @returns its key-id, 16 bytes
   */
  async importKey(entity: string, user: string, key: Buffer, lifetime: number): Promise<Buffer> {
    const notAfter = BigInt(Date.now() + lifetime);
    return (await this.enrolment.importEntityUserKey({ entity, user, entityUserKey: key, notAfter })).keyId;
  }

  /** What a service says of itself. @throws CpnsError DEPENDENCY_UNAVAILABLE */
  checkHealth({ uri, address }: CalledPort): Promise<HealthStatus> {
    return checkHealth({ address, expectedPeer: uri, tls: this.#tls });
  }

  close(): void {
    this.connection.close();
    this.#smf.close();
  }
}
