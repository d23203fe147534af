/** CSKMF in this process as its callers see it: its controllers, over one store for all tests of a file. */
import type { CreateGroupKeyRequest } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { groupIdFaults, ONE_OF_EACH, refusesBadInput, type BadInput, type Fault } from '@cpns/platform/testing';
import { at } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { GroupKeyManagementController } from '../cskmf/group-key-management.controller';
import { PullGroupKeyController } from '../cskmf/pull-group-key';
import { ADMISSION, admissionName, EntityRecords, type AdmissionRecord } from '../entities/records';
import { callOf, gateway, pne, SERVER, SMF, World, type CskmfProcess } from './world';

/** The port, as titles have it. */
export const AT = 'Server certificate';
/** With live keys. */
export const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d')];
/** A gateway that may act. */
export const GW = gateway();
export const GROUP_DELETED = 'FAILED_PRECONDITION/GROUP_DELETED';

export const controllersOf = ({ module }: CskmfProcess) =>
  ({ management: module.get(GroupKeyManagementController), pulls: module.get(PullGroupKeyController) }) as const;

export interface OfGroup {
  readonly groupId: string;
}

export class CskmfBench {
  world!: World;
  server!: CskmfProcess;
  #temporary!: TemporaryStore;
  #count = 0;

  async open(): Promise<void> {
    this.#temporary = await temporaryStore();
    this.world = await World.make(this.#temporary.store);
    await this.world.register(A, B, C, D);
    await this.world.enrol(GW);
    this.server = await this.world.process();
  }

  close(): Promise<void> {
    return this.#temporary.dispose();
  }

  get store() {
    return this.#temporary.store;
  }

  get management(): GroupKeyManagementController {
    return controllersOf(this.server).management;
  }

  get pulls(): PullGroupKeyController {
    return controllersOf(this.server).pulls;
  }

  readonly freshId = (): string => `group-${++this.#count}`;

  readonly creation = (members: readonly string[] = [A, B]): CreateGroupKeyRequest => ({
    description: this.world.description(this.freshId()),
    members: [...members],
    membershipRevision: 1n,
  });

  /** An admission of a target entity, which the Server is to assign. */
  async admit(entity: string, state: AdmissionRecord['state']): Promise<void> {
    const now = this.world.clock.now();
    const admission: AdmissionRecord = {
      tokenId: 't',
      entity,
      user: '',
      role: 'target-entity',
      form: 'secret',
      assigner: SERVER,
      state,
      admittedAt: now,
      expiresAt: now + 86_400_000,
      dnsNames: [],
      ipAddresses: [],
    };
    const read = { admission: at(ADMISSION, admissionName(admission.tokenId)) };
    await this.server.module.get(EntityRecords).transact(parseEntityUri(entity), read, () => ({
      result: undefined,
      put: { admission },
    }));
  }

  /** @returns the id of a group of its own */
  async group(members?: readonly string[]): Promise<string> {
    const request = this.creation(members);
    await this.management.createGroupKey(request, callOf(SMF));
    return request.description!.groupId;
  }

  async ended(): Promise<string> {
    const groupId = await this.group();
    await this.management.deleteGroupKey({ groupId }, callOf(SMF));
    return groupId;
  }

  /** Declares the tests of an RPC; what is refused has not reached the KMC either. */
  refuses<R>(input: Omit<BadInput<R>, 'at'>): void {
    refusesBadInput(() => this.store, {
      ...input,
      at: AT,
      send: async (request) => {
        const { calls } = this.world.kmc;
        const { length } = calls;
        await input.send(request).catch((error: unknown) => {
          expect(calls).toHaveLength(length);
          throw error;
        });
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

  deleted<R extends OfGroup>(): Fault<R> {
    return {
      id: 'deleted group',
      bad: async (good) => ({ ...good, groupId: await this.ended() }),
      expect: GROUP_DELETED,
    };
  }
}

export const argument = (reason: string, field: string): string => `INVALID_ARGUMENT/${reason} ${field}`;
