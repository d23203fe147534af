/** The CPNS Server's CSKMF, as the gateway sees it: statements and envelopes are real, members are whoever a test says. */
import type { DevelopmentPki } from '@cpns/certificate-issuance';
import {
  DeviceCapabilitiesServiceService,
  EntityUserKeyServiceService,
  GroupKeyDeliveryServiceService,
  ProofServiceService,
  type GatewayGroupKeyDelivery,
  type GroupKeyDeliveryServicePullGroupKeyRequest,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
  gatewayGroupKeyDelivery,
} from '@cpns/contracts';
import { CpnsError, EntityUserKey, GroupKey, type Clock, serviceUri, parseEntityUri } from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import type { ReceiverChannel } from '@cpns/delivery';
import { endStatement, makeEnvelope, type Statement } from '@cpns/group-key';
import { forge, testVersion } from '@cpns/group-key/testing';
import { deriveKeyId } from '@cpns/key-derivation';
import type { KeyObject } from 'node:crypto';
import type { ServerClients } from '../peers/server-clients';
import { peerWith } from './unserved';

export const SEAL_PERIOD = 60_000;

export interface SignerOf {
  readonly key: KeyObject;
  readonly chain: readonly Buffer[];
}

/** S of an entity; another one for each epoch. */
export const secretOf = (entity: string, epoch = 0): EntityUserKey =>
  new EntityUserKey(new SeededRandom(`${entity} ${epoch}`).bytes(32));
export const keyIdOf = (entity: string, epoch = 0): string => deriveKeyId(secretOf(entity, epoch));

export const groupKeyOf = (groupId: string, version: bigint): GroupKey =>
  new GroupKey(new SeededRandom(`${groupId} ${version}`).bytes(32));

export class FakeServer {
  /** Requests that came in. */
  readonly asked: GroupKeyDeliveryServicePullGroupKeyRequest[] = [];
  /** What is answered; an error is thrown. */
  answer: (request: GroupKeyDeliveryServicePullGroupKeyRequest) => GatewayGroupKeyDelivery | Promise<never> = () =>
    Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'the Server is away'));
  /** What the next delivery channel is. */
  channel: () => ReceiverChannel<OpenDeliveryChannelResponse, OpenDeliveryChannelRequest> = () => {
    throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the Server is away');
  };
  readonly clients: Omit<ServerClients, 'onApplicationShutdown'>;

  constructor(
    readonly signer: SignerOf,
    private readonly clock: Clock,
    trustDomain: string,
  ) {
    this.clients = {
      uri: serviceUri(trustDomain, 'cpns-server'),
      entityUserKey: peerWith(EntityUserKeyServiceService),
      proof: peerWith(ProofServiceService),
      deviceCapabilities: peerWith(DeviceCapabilitiesServiceService),
      groupKeyDelivery: peerWith(GroupKeyDeliveryServiceService, {
        pullGroupKey: async (request) => {
          this.asked.push(request);
          return { delivery: await this.answer(request) };
        },
        openDeliveryChannel: () => ({ end: () => undefined, ...withIterator(this.channel()) }),
      }),
    };
  }

  static async start(pki: DevelopmentPki, clock: Clock): Promise<FakeServer> {
    return new FakeServer(await signerNamed(pki, 'cpns-server'), clock, pki.trustDomain);
  }

  statement(groupId: string, version: bigint, changes: Partial<Statement> = {}): Statement {
    const now = this.clock.now();
    const edit = { groupId, version, sealUntil: now + SEAL_PERIOD, ...changes };
    return testVersion(now, new SeededRandom(`${groupId} ${version}`), edit).statement;
  }

  /** A Group Key for these members, each under the S of its epoch. */
  delivery(statement: Statement, members: readonly string[], epoch = 0, signer = this.signer): GatewayGroupKeyDelivery {
    const { groupId, version } = statement;
    return gatewayGroupKeyDelivery({
      signed: forge(signer, statement),
      envelopes: members.map((entity) => ({
        entity: parseEntityUri(entity),
        own: makeEnvelope(
          secretOf(entity, epoch),
          keyIdOf(entity, epoch),
          { groupId, version, entity },
          groupKeyOf(groupId, version),
        ),
      })),
    });
  }

  keyFor(groupId: string, version: bigint, members: readonly string[], epoch = 0): GatewayGroupKeyDelivery {
    return this.delivery(this.statement(groupId, version), members, epoch);
  }

  endOf(groupId: string, last: bigint): GatewayGroupKeyDelivery {
    return this.delivery(endStatement(groupId, last, this.clock.now()), []);
  }
}

export async function signerNamed(pki: DevelopmentPki, name: string): Promise<SignerOf> {
  const { chain, privateKey } = await pki.issueService(name);
  return { chain, key: privateKey.keyObject };
}

const withIterator = <In, Out>(channel: ReceiverChannel<In, Out>): ReceiverChannel<In, Out> => ({
  write: (message) => channel.write(message),
  cancel: () => channel.cancel(),
  [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
});
