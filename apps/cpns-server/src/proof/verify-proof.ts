/**
 * ProofService: the Server verifies, for a gateway, the proof of a secret that only the Server and the entity hold
 * (protocol.md, "Proof of a secret, on each call").
 */
import { fields, type VerifyProofRequest, type VerifyProofResponse } from '@cpns/contracts';
import { Clock, parseEntityUri, permissionDenied, samePn, unauthenticated, type EntityName } from '@cpns/core';
import {
  deriveConfirmKey,
  keyIdBytes,
  parseProof,
  PROOF_WINDOW_MS,
  verifyProof,
  type Proof,
} from '@cpns/key-derivation';
import { Store, type Aggregate } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { LiveKeys } from '../entities/live-keys';
import type { KeyRecord } from '../entities/records';

const PROOF_MAX_BYTES = 1_024;
/** A nonce has to be remembered as long as its time is inside the window of a verifier whose clock is late. */
const NONCE_LIFE_MS = 2 * PROOF_WINDOW_MS;

const nonceAggregate = (entity: string): Aggregate => ({ kind: 'proof', id: entity });

@Injectable()
export class VerifyProof {
  constructor(
    private readonly keys: LiveKeys,
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /**
   * @param gateway who asks; the proof has to be made for it
   * @throws CpnsError a field's reason; PN_MISMATCH; KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED; PROOF_MAC,
   *   PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED
   */
  async execute(request: VerifyProofRequest, gateway: EntityName): Promise<VerifyProofResponse> {
    const proof = parseProof(fields.bounded(request.proof, PROOF_MAX_BYTES, 'proof'));
    const method = fields.method(request.method, 'method');
    const requestDigest = fields.digest(request.requestDigest, 'request_digest');
    const entity = parseEntityUri(proof.entity);
    if (!samePn(entity, gateway))
      throw permissionDenied('PN_MISMATCH', 'a gateway asks about entities of its own PN only');
    const key = await this.provenKey(entity, proof);
    const confirmKey = deriveConfirmKey(key.secret);
    const now = this.clock.now();
    verifyProof(confirmKey, proof, { audience: gateway.uri, method, requestDigest }, now);
    confirmKey.destroy();
    // told only to a holder of the key
    await this.keys.check(key);
    await this.spend(proof);
    return { entity: entity.uri, user: key.user, keyId: keyIdBytes(key.keyId) };
  }

  private async provenKey(entity: EntityName, proof: Proof): Promise<KeyRecord> {
    const key = await this.keys.read(entity);
    // a certificate holder shows its certificate (mutual TLS)
    if (key?.keyId !== proof.keyId || key.form !== 'secret')
      throw unauthenticated('KEY_UNKNOWN', 'no key of that id: register the key, or prove with the newest one');
    return key;
  }

  /** Nonces are in the store that has the key: who lost the one lost the other, so no older proof comes in again. */
  private async spend({ entity, nonce }: Proof): Promise<void> {
    const name = `nonce.${Buffer.from(nonce).toString('hex')}`;
    const { ok } = await this.store.commit(nonceAggregate(entity), {
      expect: [{ name, revision: 'absent' }],
      put: [{ name, value: Buffer.alloc(0), expiresAt: this.clock.now() + NONCE_LIFE_MS }],
    });
    if (!ok) throw unauthenticated('PROOF_REPLAYED', 'make a new proof for each call');
  }
}
