import {
  EnrolmentServiceService,
  EntityRole,
  EntityUserKeyServiceService,
  type Admission,
  wireKeyForm,
} from '@cpns/contracts';
import { duration, SECRET_BYTES, TokenSecret } from '@cpns/core';
import { connectTo, type ClientMethods, type Connection } from '@cpns/grpc';
import { deriveTokenAuthKey, formatOneTimeString, sha256, type KeyForm } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { waitUntil } from './wait-until';
import { Groups } from './groups';
import type { CredentialFiles, PkiFiles } from './pki-files';

/** An admission, in the words of {@link Operator.admit}. */
export interface AdmitRequest {
  /** E */
  readonly entity: string;
  readonly user?: string;
  /** `pn-gw` for a PN GW that acts; a target PN GW is a target entity, which is the default. */
  readonly role?: 'target-entity' | 'pn-gw';
  readonly form: KeyForm;
  /** E of a gateway; the CPNS Server without it. */
  readonly assigner?: string;
  /** Whom the entity calls: URI, and `host:port` of its token port. */
  readonly peer: { readonly uri: string; readonly address: string };
  /** Milliseconds from now; an hour by default. */
  readonly lifetime?: number;
  /** Unix milliseconds, in place of a lifetime where the Server has another clock. */
  readonly expiresAt?: number;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
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

interface CalledService {
  readonly uri: string;
  /** `host:port` of its certificate port. */
  readonly address: string;
}

/** Whom an operator calls. */
export interface OperatorPeers {
  readonly server: CalledService;
  readonly smf: CalledService;
}

/** Who he is, and whom he believes. */
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

  constructor({ server, smf }: OperatorPeers, pki: OperatorFiles) {
    const tls = {
      root: readFileSync(pki.root),
      cert: readFileSync(pki.operator.chain),
      key: readFileSync(pki.operator.key),
    };
    this.connection = connectTo({ address: server.address, expectedPeer: server.uri, tls });
    // a group comes with all its members
    this.#smf = connectTo({ address: smf.address, expectedPeer: smf.uri, tls, maxMessageBytes: 8 * 1024 * 1024 });
    this.groups = new Groups(this.#smf, this.connection);
    this.enrolment = this.connection.client(EnrolmentServiceService);
    this.entityUserKeys = this.connection.client(EntityUserKeyServiceService);
    this.#rootDigest = sha256(pki.rootDer);
  }

  /** Admits an entity, and makes the one string that it is handed. @throws CpnsError what the Server refuses it with */
  async admit(request: AdmitRequest): Promise<Admitted> {
    const {
      entity,
      user = '',
      role = 'target-entity',
      form,
      assigner = '',
      peer,
      lifetime = duration(1, 'hour'),
    } = request;
    const secret = new TokenSecret(randomBytes(SECRET_BYTES));
    const { admission } = await this.enrolment.admitEntity({
      entity,
      user,
      role: role === 'pn-gw' ? EntityRole.ENTITY_ROLE_PN_GW : EntityRole.ENTITY_ROLE_TARGET_ENTITY,
      form: wireKeyForm(form),
      assigner,
      tokenAuthKey: deriveTokenAuthKey(secret).expose(),
      expiresAt: BigInt(request.expiresAt ?? Date.now() + lifetime),
      dnsNames: [...(request.dnsNames ?? [])],
      ipAddresses: [...(request.ipAddresses ?? [])],
    });
    if (admission === undefined) throw new Error('the Server answered without the admission');
    const { tokenId } = admission;
    if (request.waitUntilDelivered ?? true) await this.waitUntilDelivered(entity, tokenId);
    const { uri, address } = peer;
    const content = { tokenId, secret, rootDigest: this.#rootDigest, entity, user, form, peer: uri, endpoint: address };
    return { tokenId, oneTimeString: formatOneTimeString(content), admission };
  }

  /** The admissions of one entity. @throws CpnsError NOT_FOUND */
  async admissions(entity: string): Promise<Admission[]> {
    return (await this.enrolment.listAdmissions({ entity, pageSize: 0, pageToken: '' })).admissions;
  }

  /** Resolves when the assigner has the admission. @throws Error when that takes longer than 20 s */
  async waitUntilDelivered(entity: string, tokenId: string): Promise<void> {
    await waitUntil(
      `the admission of ${entity} to its assigner`,
      async () => (await this.admissions(entity)).some((one) => one.tokenId === tokenId && one.delivered),
      { withinMs: DELIVERY_MS },
    );
  }

  /** Ends an admission. */
  async revokeAdmission(entity: string, tokenId: string): Promise<void> {
    await this.enrolment.revokeAdmission({ entity, tokenId });
  }

  /** Ends an entity's newest key. */
  async revokeKey(entity: string): Promise<void> {
    await this.entityUserKeys.revokeEntityUserKey({ entity, keyId: Buffer.alloc(0) });
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

  close(): void {
    this.connection.close();
    this.#smf.close();
  }
}
