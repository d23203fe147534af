/**
 * GK-PULL steps 1, 2 and 5: a device pulls at its PN GW with a proof on each call, against the same calls, proofs included,
 * at a bare grpc-js server. The gateway assigned the device's key and holds the envelope: the Server has no part in it.
 */
import { readFileSync } from 'node:fs';
import { AssignmentRequest, PnGatewayServiceService } from '@cpns/contracts';
import { NONCE_BYTES, systemClock, systemRandom } from '@cpns/core';
import { connectTo, type CallOptions } from '@cpns/grpc';
import { deriveConfirmKey, deriveKeyId, makeProof, parseOneTimeString } from '@cpns/key-derivation';
import {
  acceptAssignment,
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  tokenChannel,
} from '@cpns/pne-sdk';
import type { Deployment } from '@cpns/testing';
import { concurrently } from './concurrently';
import { BareServer } from './bare-server';
import { compare, type Comparison } from './compare';
import { REAL_GATEWAY, type GroupScene } from './group-scene';

const GROUP = 'bench-device-pull';
const GATEWAY = `${REAL_GATEWAY.pn}/${REAL_GATEWAY.id}`;
const IN_FLIGHT = 8;
const SHAPE = { unit: 'calls/s', batch: 200, warmUp: 3 } as const;

/** A device with a secret that the gateway assigned, live at the Server. @returns what makes its proofs */
async function liveDevice(deployment: Deployment, entity: string): Promise<Required<Pick<CallOptions, 'proof'>>> {
  const admission = { entity, form: 'secret', assigner: GATEWAY, gateway: GATEWAY } as const;
  const { oneTimeString } = await deployment.admit(admission);
  const pending = await prepareAssignment(parseOneTimeString(oneTimeString), deployment.pki.rootDer, systemRandom);
  const { admitted } = pending;
  const channel = tokenChannel(admitted);
  try {
    const reply = await channel.assign(AssignmentRequest.decode(pending.request));
    const assigned = acceptAssignment(pending, reply, systemClock.now());
    if (assigned.form !== 'secret') throw new Error('the admission was for a secret');
    const registration = await prepareRegistration(admitted, assigned, systemRandom);
    await channel.register(registrationRequest(admitted, assigned, registration));
    const confirmKey = deriveConfirmKey(assigned.secret);
    const keyId = deriveKeyId(assigned.secret);
    const audience = deployment.uri(GATEWAY);
    return {
      proof: (method, requestDigest) => {
        const fields = { keyId, entity, timeMs: systemClock.now(), nonce: systemRandom.bytes(NONCE_BYTES) };
        return makeProof(confirmKey, fields, { audience, method, requestDigest });
      },
    };
  } finally {
    channel.close();
  }
}

export async function benchDevicePulls({ deployment, storeName, rounds }: GroupScene): Promise<Comparison> {
  const entity = deployment.entity(REAL_GATEWAY.pn, 'pne', 'device-1');
  const proving = await liveDevice(deployment, entity);
  await deployment.operator.groups.createGroup({ groupId: GROUP, delivery: 'pull', members: [entity] });
  const root = readFileSync(deployment.pki.root);
  const gateway = connectTo({
    address: deployment.address(GATEWAY, 'token'),
    expectedPeer: deployment.uri(GATEWAY),
    tls: { root },
  });
  const request = { groupId: GROUP, version: 0n };
  const sample = await gateway.client(PnGatewayServiceService).pullGroupKey(request, proving);
  const { pullGroupKey } = PnGatewayServiceService;
  const echo = await BareServer.start(deployment, pullGroupKey, sample, { mutual: false });
  const expectedPeer = deployment.uri('cpns-server');
  const bare = connectTo({ address: echo.address, expectedPeer, tls: { root } });
  const pull = (connection: typeof gateway) => {
    const client = connection.client(PnGatewayServiceService);
    return (count: number) =>
      concurrently(
        Array.from({ length: count }, () => request),
        IN_FLIGHT,
        (one) => client.pullGroupKey(one, proving),
      );
  };
  try {
    const name = `PullGroupKey of a PNE at its PN GW, ${storeName} Server, ${IN_FLIGHT} in flight`;
    return await compare({ name, rounds, ...SHAPE }, pull(gateway), pull(bare));
  } finally {
    gateway.close();
    bare.close();
    await echo.stop();
  }
}
