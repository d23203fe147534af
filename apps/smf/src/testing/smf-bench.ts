/** The SMF in this process as its callers see it: its controllers, over one store for all tests of a file. */
import { parseEntityUri } from '@cpns/core';
import { eventually } from '@cpns/delivery/testing';
import { ServerCallContext, type CallContext, type Peer } from '@cpns/grpc';
import {
  groupIdFaults,
  ONE_OF_EACH,
  refusesBadInput,
  type BadInput,
  type Described,
  type Fault,
} from '@cpns/platform/testing';
import { MembershipController } from '../membership/membership.controller';
import { ServiceGroupController } from '../service-group/service-group.controller';
import { described, gatewayOf, pne, World, type Replica } from './world';

/** The port, as titles have it. */
export const AT = 'SMF certificate';
export const [ANN, BOB, EVE, DAN] = [pne(1), pne(2), pne(3), pne(4)];
/** E of an entity that CSKMF says has no live key. */
export const KEYLESS = pne(9);
export const LIMIT = 'RESOURCE_EXHAUSTED/LIMIT_REACHED members';

const GATEWAY = gatewayOf('pn1');
const CERTIFICATE = Buffer.alloc(32, 1);

export const controllersOf = ({ module }: Replica) =>
  ({ groups: module.get(ServiceGroupController), members: module.get(MembershipController) }) as const;

export interface OfGroup {
  readonly groupId: string;
}

export class SmfBench {
  world!: World;
  smf!: Replica;
  #count = 0;

  async open(): Promise<void> {
    this.world = await World.create();
    this.world.server.gateways.set(GATEWAY, CERTIFICATE);
    this.world.server.withoutKey.add(KEYLESS);
    this.smf = await this.world.replica();
  }

  close(): Promise<void> {
    return this.world.dispose();
  }

  get groups(): ServiceGroupController {
    return controllersOf(this.smf).groups;
  }

  get members(): MembershipController {
    return controllersOf(this.smf).members;
  }

  readonly freshId = (): string => `group-${++this.#count}`;

  /** A call of the gateway, or of an operator, of whom the use cases ask nothing. */
  call(milliseconds = 20_000, signal = new AbortController().signal): CallContext {
    const receivedAt = Date.now();
    const { logger } = this.world.log;
    const context = new ServerCallContext({
      method: '',
      deadline: receivedAt + milliseconds,
      receivedAt,
      signal,
      logger,
    });
    const name = parseEntityUri(GATEWAY);
    context.peer = { uri: GATEWAY, name, role: 'pn-gw', fingerprint: CERTIFICATE } as Partial<Peer> as Peer;
    return context;
  }

  /** A group of its own, once all of it is carried out. @returns its id */
  readonly group = async (of: readonly string[] = [ANN, BOB], change: Parameters<typeof described>[0] = {}) => {
    const description = described({ groupId: this.freshId(), openToJoin: true, ...change });
    await this.groups.createServiceGroup({ description, members: [...of] }, this.call());
    await this.rest(description.groupId);
    return description.groupId;
  };

  rest(groupId: string): Promise<void> {
    return eventually(async () => expect(await this.world.outboxOf(groupId)).toEqual([]));
  }

  readonly ended = async (): Promise<string> => {
    const groupId = await this.group();
    await this.groups.deleteServiceGroup({ groupId }, this.call());
    await this.rest(groupId);
    return groupId;
  };

  /** Declares the tests of an RPC. */
  refuses<R>(input: Omit<BadInput<R>, 'at'>): void {
    refusesBadInput(() => this.world.store, {
      ...input,
      at: AT,
      send: async (request) => {
        await input.send(request);
        const { groupId, description } = request as { readonly groupId?: string } & Described;
        const changed = groupId ?? description?.groupId;
        if (changed !== undefined) await this.rest(changed);
      },
    });
  }

  /** A group-id that is none, and one of no group. */
  ofGroup<R extends OfGroup>(): Fault<R>[] {
    return [
      ...groupIdFaults<R>(ONE_OF_EACH),
      { id: 'unknown group', bad: (good) => ({ ...good, groupId: this.freshId() }), expect: 'NOT_FOUND/NOT_FOUND' },
    ];
  }

  /** The same, and a group that was deleted. */
  ofLiveGroup<R extends OfGroup>(): Fault<R>[] {
    const bad = async (good: R) => ({ ...good, groupId: await this.ended() });
    return [...this.ofGroup<R>(), { id: 'deleted group', bad, expect: 'FAILED_PRECONDITION/GROUP_DELETED' }];
  }
}
