/** CSKMF in this process as its callers see it: its controllers, over one store for all tests of a file. */
import type { CreateGroupKeyRequest } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import {
  deletedGroup,
  descriptionOf,
  ONE_OF_EACH,
  refusesBadInput,
  unknownGroup,
  type BadInput,
  type Fault,
  type OfGroup,
} from '@cpns/platform/testing';
import { at } from '@cpns/store';
import { ADMISSION, admissionName, EntityRecords, type AdmissionRecord } from '../entities/records';
import { GW, pne, SERVER, World } from './world';

/** The port, as titles have it. */
export const AT = 'Server certificate';
/** With live keys. */
export const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d')];

export class CskmfBench extends World {
  #count = 0;

  constructor() {
    super({ entities: [A, B, C, D], gateways: [GW] });
  }

  readonly freshId = (): string => `group-${++this.#count}`;

  readonly creation = (): CreateGroupKeyRequest => ({
    description: descriptionOf(this.freshId()),
    members: [A, B],
    membershipRevision: 1n,
  });

  /** An admission of a target entity, which the Server is to assign. */
  async admit(entity: string, state: AdmissionRecord['state']): Promise<void> {
    const now = this.clock.now();
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
    const decide = () => ({ result: undefined, put: { admission } });
    await this.server.module.get(EntityRecords).transact(parseEntityUri(entity), read, decide);
  }

  /** @returns the id of a group of its own */
  async group(members: readonly string[] = [A, B]): Promise<string> {
    const groupId = this.freshId();
    await this.server.create(members, { groupId });
    return groupId;
  }

  readonly ended = async (): Promise<string> => {
    const groupId = await this.group();
    await this.server.delete(groupId);
    return groupId;
  };

  /** Declares the tests of an RPC; what is refused has not reached the KMC either. */
  refuses<R>(input: BadInput<R>): void {
    refusesBadInput(() => this.store, AT, {
      ...input,
      send: async (request) => {
        const { calls } = this.kmc;
        const { length } = calls;
        await input.send(request).catch((error: unknown) => {
          expect(calls).toHaveLength(length);
          throw error;
        });
      },
    });
  }

  /** A group-id that is none, and one of no group. */
  readonly ofGroup: readonly Fault<OfGroup>[] = [...ONE_OF_EACH, unknownGroup(this.freshId)];
  readonly deleted = deletedGroup(this.ended);
}

export const argument = (reason: string, field: string): string => `INVALID_ARGUMENT/${reason} ${field}`;
