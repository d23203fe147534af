/**
 * Who holds S verifies (protocol.md, "Proof of a secret, on each call"): the gateway itself for secrets that it assigned,
 * else the Server on its behalf.
 */
import { failedPrecondition, permissionDenied, unauthenticated, parseEntityUri, samePn } from '@cpns/core';
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
import { at } from '@cpns/store';
import type { GatewayContext } from '../context';
import { ASSIGNED_KEY, entityAggregate, type AssignedKeyRecord } from '../records/gateway-records';

const NONCE_LIFE_MS = 2 * PROOF_WINDOW_MS;

export class VerifyProof {
  constructor(private readonly gateway: GatewayContext) {}

  /** @throws CpnsError PN_MISMATCH; KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED; PROOF_MAC, PROOF_OUTSIDE_WINDOW, PROOF_REPLAYED */
  async execute(bytes: Buffer, method: string, requestDigest: Buffer): Promise<ProvenCaller> {
    const proof = parseProof(bytes);
    if (!samePn(parseEntityUri(proof.entity), this.gateway.name))
      throw permissionDenied('PN_MISMATCH', `this gateway serves ${this.gateway.name.pn} only`);
    const { key } = await this.gateway.records.read(entityAggregate(proof.entity), { key: at(ASSIGNED_KEY) });
    if (key?.keyId !== proof.keyId)
      return this.gateway.server.proof.verifyProof({ proof: bytes, method, requestDigest });
    return this.verifyHere(key, proof, { audience: this.gateway.name.uri, method, requestDigest });
  }

  private async verifyHere(key: AssignedKeyRecord, proof: Proof, call: ProofCall): Promise<ProvenCaller> {
    const now = this.gateway.clock.now();
    const confirmKey = deriveConfirmKey(key.secret);
    verifyProof(confirmKey, proof, call, now);
    confirmKey.destroy();
    if (now >= key.notAfter) throw failedPrecondition('KEY_EXPIRED', 'the key has expired: ask for a new admission');
    const name = `nonce.${Buffer.from(proof.nonce).toString('hex')}`;
    const { ok } = await this.gateway.store.commit(
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
