/**
 * The Server verifies proofs of a secret (protocol.md, "Proof of a secret, on each call", "An entity's own proof"): for a
 * gateway, for SMF, and for itself.
 */
import { checkProof, fields, type VerifyProofRequest, type VerifyProofResponse } from '@cpns/contracts';
import {
  Clock,
  CpnsError,
  invalidArgument,
  parseEntityUri,
  permissionDenied,
  samePn,
  unauthenticated,
  type EntityName,
} from '@cpns/core';
import { gatewayOf, RELAYS_CERTIFICATE, type CallContext } from '@cpns/grpc';
import {
  deriveConfirmKey,
  keyIdBytes,
  PROOF_NONCE_LIFE_MS,
  verifyProof,
  type KeyForm,
  type Proof,
  type ProofCall,
} from '@cpns/key-derivation';
import { Store, type Aggregate } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LastSeen } from '../entities/last-seen';
import { LiveKeys } from '../entities/live-keys';
import type { KeyRecord } from '../entities/records';
import { GatewayStanding } from '../gateways/records';

/** Whose keys prove to a gateway: the holder of a certificate shows that. */
const TO_GATEWAY: readonly KeyForm[] = ['secret'];
/** Whose keys prove to a service. */
const TO_SERVICE: readonly KeyForm[] = ['secret', 'key-pair'];

const nonceAggregate = (entity: string): Aggregate => ({ kind: 'proof', id: entity });

@Injectable()
export class VerifyProof {
  constructor(
    private readonly keys: LiveKeys,
    private readonly standing: GatewayStanding,
    private readonly lastSeen: LastSeen,
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /**
   * @param call of a gateway or of SMF; the proof has to be made for who calls
   * @throws CpnsError a field's reason; CERTIFICATE_REVOKED with `certificate` = `relay`; PN_MISMATCH; see {@link prove}
   */
  async execute(request: VerifyProofRequest, call: CallContext): Promise<VerifyProofResponse> {
    const proof = checkProof(request.proof, 'proof');
    const method = fields.method(request.method, 'method');
    const requestDigest = fields.digest(request.requestDigest, 'request_digest');
    const { uri: audience, role } = call.requirePeer();
    const isService = role === 'service';
    const relay = isService ? await this.relayOf(request) : gatewayOf(call);
    if (!isService) checkNoRelay(request);
    if (!samePn(parseEntityUri(proof.entity), relay))
      throw permissionDenied('PN_MISMATCH', 'a gateway asks for entities of its own PN only');
    const forms = isService ? TO_SERVICE : TO_GATEWAY;
    const { user, keyId } = await this.prove(proof, { audience, method, requestDigest }, relay.uri, forms);
    return { entity: proof.entity, user, keyId: keyIdBytes(keyId) };
  }

  /**
   * Checks 2 to 5 of "Proof of a secret, on each call".
   * @param relay E of the gateway that the entity was seen through
   * @returns the live key that made it
   * @throws CpnsError KEY_UNKNOWN, KEY_REVOKED, KEY_SUSPENDED, KEY_EXPIRED; PROOF_MAC, PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED
   */
  async prove(
    proof: Proof,
    call: ProofCall,
    relay: string,
    forms: readonly KeyForm[] = TO_SERVICE,
  ): Promise<KeyRecord> {
    const key = await this.provenKey(proof, forms);
    const confirmKey = deriveConfirmKey(key.secret);
    const now = this.clock.now();
    try {
      verifyProof(confirmKey, proof, call, now);
    } finally {
      confirmKey.destroy();
    }
    // told only to a holder of the key
    await this.keys.check(key);
    await this.spend(proof);
    await this.lastSeen.note(parseEntityUri(proof.entity), relay);
    return key;
  }

  /** The gateway that relayed to SMF, with the certificate that it showed there. */
  private async relayOf({ relay, relayCertificateDigest }: VerifyProofRequest): Promise<EntityName> {
    const { uri } = parseEntityUri(relay, 'relay');
    const fingerprint = fields.digest(relayCertificateDigest, 'relay_certificate_digest');
    return this.standing.check({ uri, fingerprint }).catch((error: unknown) => {
      if (!(error instanceof CpnsError) || error.reason !== 'CERTIFICATE_REVOKED') throw error;
      throw new CpnsError(error.reason, error.message, { metadata: RELAYS_CERTIFICATE, cause: error });
    });
  }

  private async provenKey({ entity, keyId }: Proof, forms: readonly KeyForm[]): Promise<KeyRecord> {
    const key = await this.keys.read(parseEntityUri(entity));
    if (key?.keyId !== keyId || !forms.includes(key.form))
      throw unauthenticated('KEY_UNKNOWN', 'no key of that id: register the key, or prove with the newest one');
    return key;
  }

  /** Nonces are in the store that has the key: who lost the one lost the other, so no older proof comes in again. */
  private async spend({ entity, nonce }: Proof): Promise<void> {
    const name = `nonce.${Buffer.from(nonce).toString('hex')}`;
    const { ok } = await this.store.commit(nonceAggregate(entity), {
      expect: [{ name, revision: 'absent' }],
      put: [{ name, value: Buffer.alloc(0), expiresAt: this.clock.now() + PROOF_NONCE_LIFE_MS }],
    });
    if (!ok) throw unauthenticated('PROOF_REPLAYED', 'make a new proof for each call');
  }
}

/** A gateway that calls relays itself. @throws CpnsError FIELD_OUT_OF_RANGE */
function checkNoRelay({ relay, relayCertificateDigest }: VerifyProofRequest): void {
  if (relay !== '' || relayCertificateDigest.length > 0)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'only SMF names a relay', { metadata: { field: 'relay' } });
}
