/**
 * Who holds S verifies (protocol.md, "Proof of a secret, on each call"): the gateway itself for secrets that it assigned,
 * else the Server on its behalf.
 */
import { Clock, failedPrecondition, permissionDenied, unauthenticated, parseEntityUri, samePn } from '@cpns/core';
import type { ProvenCaller } from '@cpns/grpc';
import {
  deriveConfirmKey,
  keyIdBytes,
  parseProof,
  PROOF_WINDOW_MS,
  verifyProof,
  type Proof,
  type ProofCall,
} from '@cpns/key-derivation';
import { Store } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { OwnGateway } from '../common/own-gateway';
import { AssignedKeys } from '../entity-user-key/assigned-keys';
import type { AssignedKeyRecord } from '../entity-user-key/records';
import { ServerClients } from '../peers/server-clients';

const NONCE_LIFE_MS = 2 * PROOF_WINDOW_MS;

@Injectable()
export class VerifyProof {
  constructor(
    private readonly own: OwnGateway,
    private readonly server: ServerClients,
    private readonly keys: AssignedKeys,
    private readonly store: Store,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError PN_MISMATCH; KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED; PROOF_MAC, PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED */
  async execute(bytes: Buffer, method: string, requestDigest: Buffer): Promise<ProvenCaller> {
    const proof = parseProof(bytes);
    if (!samePn(parseEntityUri(proof.entity), this.own.name))
      throw permissionDenied('PN_MISMATCH', `this gateway serves ${this.own.name.pn} only`);
    const key = await this.keys.find(proof.entity);
    if (key?.keyId !== proof.keyId) return this.server.proof.verifyProof({ proof: bytes, method, requestDigest });
    return this.verifyHere(key, proof, { audience: this.own.uri, method, requestDigest });
  }

  private async verifyHere(key: AssignedKeyRecord, proof: Proof, call: ProofCall): Promise<ProvenCaller> {
    const now = this.clock.now();
    const confirmKey = deriveConfirmKey(key.secret);
    verifyProof(confirmKey, proof, call, now);
    confirmKey.destroy();
    if (now >= key.notAfter) throw failedPrecondition('KEY_EXPIRED', 'the key has expired: ask for a new admission');
    const name = `nonce.${Buffer.from(proof.nonce).toString('hex')}`;
    const { ok } = await this.store.commit(
      { kind: 'proof', id: proof.entity },
      {
        expect: [{ name, revision: 'absent' }],
        put: [{ name, value: Buffer.alloc(0), expiresAt: now + NONCE_LIFE_MS }],
      },
    );
    if (!ok) throw unauthenticated('PROOF_REPLAYED', 'make a new proof for each call');
    return { entity: proof.entity, user: key.user, keyId: keyIdBytes(key.keyId) };
  }
}
