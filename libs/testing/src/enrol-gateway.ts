import { dersToPem, newPrivateKey, privateKeyPem } from '@cpns/certificate-issuance';
import { AssignmentRequest } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { acceptAssignment, prepareAssignment, tokenChannel } from '@cpns/pne-sdk';
import type { GatewaySpec } from './deployment-options';
import type { Operator } from './operator';

const SERVER = 'cpns-server';

/** What a CPNS Server is enrolled at: a deployment of processes, or a Server in this process. */
export interface EnrolsGateways {
  readonly operator: Pick<Operator, 'admitGateway'>;
  readonly pki: { readonly rootDer: Buffer };
  entity(pn: string, type: 'pn-gw', id: string): string;
  uri(service: 'cpns-server'): string;
  address(service: 'cpns-server', port: 'token' | 'certificate'): string;
}

/**
 * The identity of a PN GW whose keys the caller holds: enrolled by the running CPNS Server like any other.
 * @returns its E, its identity for connections, and its chain in DER, leaf to root
 */
export async function enrolGateway(at: EnrolsGateways, { pn, id }: GatewaySpec) {
  const uri = at.entity(pn, 'pn-gw', id);
  const { rootDer } = at.pki;
  const peer = { uri: at.uri(SERVER), address: at.address(SERVER, 'token') };
  const { oneTimeString } = await at.operator.admitGateway(uri, peer);
  const privateKey = newPrivateKey();
  const oneTime = parseOneTimeString(oneTimeString);
  const pending = await prepareAssignment(oneTime, rootDer, systemRandom, { privateKey });
  const channel = tokenChannel(pending.admitted);
  const reply = await channel.assign(AssignmentRequest.decode(pending.request)).finally(() => channel.close());
  const assigned = acceptAssignment(pending, reply, Date.now());
  if (assigned.form !== 'key-pair') throw new Error('a gateway is enrolled with a certificate');
  const { chain } = assigned;
  return { uri, tls: { root: dersToPem([rootDer]), cert: dersToPem(chain), key: privateKeyPem(privateKey) }, chain };
}
