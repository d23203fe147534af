/**
 * Members' envelopes, as they came from the Server: the gateway passes them on and opens none. A gateway that is a member
 * itself would find its own here, and open it with its S; see `records.ts` for why there is none yet.
 */
import { forEach } from '@cpns/core';
import { parseEnvelope } from '@cpns/group-key';
import type { CallerEntity } from '@cpns/grpc';
import { keyIdText } from '@cpns/key-derivation';
import type { CheckedEnvelope } from '@cpns/contracts';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { KnownGroups } from '../service-group/known-group';
import { memberAggregate, VERSIONS_KEPT } from '../service-group/records';
import { ENVELOPES, envelopesName, type HeldEnvelope } from './records';

@Injectable()
export class Envelopes {
  constructor(
    private readonly records: Records,
    private readonly groups: KnownGroups,
  ) {}

  /** Keeps those of members; one that left before its envelope came gets none. @returns E of each whose it kept */
  async keepAll(groupId: string, version: bigint, envelopes: readonly CheckedEnvelope[]): Promise<readonly string[]> {
    const kept: string[] = [];
    await forEach(envelopes, async ({ entity, own }) => {
      if (!(await this.groups.isMemberHere(groupId, entity.uri))) return;
      await this.keep(entity.uri, groupId, { version, keyId: parseEnvelope(own).keyId, own });
      kept.push(entity.uri);
    });
    return kept;
  }

  /** The newest versions of a group stay. */
  async keep(entity: string, groupId: string, envelope: HeldEnvelope): Promise<void> {
    const wanted = { envelopes: at(ENVELOPES, envelopesName(groupId)) };
    await this.records.transact(memberAggregate(entity), wanted, ({ envelopes }) => {
      const others = (envelopes?.held ?? []).filter(({ version }) => version !== envelope.version);
      const held = [...others, envelope].sort((a, b) => (a.version < b.version ? -1 : 1)).slice(-VERSIONS_KEPT);
      return { result: undefined, put: { envelopes: { held } } };
    });
  }

  async find(entity: string, groupId: string, version: bigint): Promise<HeldEnvelope | undefined> {
    const wanted = { envelopes: at(ENVELOPES, envelopesName(groupId)) };
    const { envelopes } = await this.records.read(memberAggregate(entity), wanted);
    return envelopes?.held.find((one) => one.version === version);
  }

  async dropAll(entity: string, groupId: string): Promise<void> {
    const wanted = { envelopes: at(ENVELOPES, envelopesName(groupId)) };
    await this.records.transact(memberAggregate(entity), wanted, ({ envelopes }) =>
      envelopes === undefined ? { result: undefined } : { result: undefined, put: { envelopes: null } },
    );
  }
}

/**
 * Whether an envelope is for the key that the caller has now: one made before its key was replaced would not open. A proof
 * says its key-id. A certificate does not, so that only an envelope counts that was given to this very certificate.
 */
export const isForKeyOf = ({ by }: CallerEntity, { keyId, certificate }: HeldEnvelope): boolean =>
  by.kind === 'proof' ? keyIdText(by.keyId) === keyId : certificate?.equals(by.digest) === true;
