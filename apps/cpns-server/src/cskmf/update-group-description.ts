import { fields, groupDescription, type UpdateGroupDescriptionRequest } from '@cpns/contracts';
import { CpnsError, invalidArgument } from '@cpns/core';
import { requireUpdatePeriod } from '@cpns/group-key';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { ServerConfig } from '../config';
import { DueGroups } from './due-groups';
import { GROUP, groupAggregate, livingGroup } from './records';

/** The parameters of a group changed: they count for the next version. */
@Injectable()
export class UpdateGroupDescription {
  constructor(
    private readonly config: ServerConfig,
    private readonly records: Records,
    private readonly due: DueGroups,
  ) {}

  /**
   * @returns the group-id
   * @throws CpnsError a field's reason, also for another delivery than the group has; NOT_FOUND, GROUP_DELETED; CONFLICT for
   *   another description under the present revision; DEPENDENCY_UNAVAILABLE
   */
  async execute(request: UpdateGroupDescriptionRequest): Promise<string> {
    const description = groupDescription(request.description);
    requireUpdatePeriod(description, this.config.activationDelay);
    const descriptionRevision = fields.positive(request.descriptionRevision, 'description_revision');
    const { groupId } = description;
    await this.records.transact(groupAggregate(groupId), { head: at(GROUP) }, ({ head }) => {
      const group = livingGroup(head);
      const known = group.descriptionRevision ?? 1n;
      if (description.delivery !== group.description.delivery) throw otherDelivery();
      if (descriptionRevision < known) return { result: undefined };
      if (descriptionRevision > known)
        return { result: undefined, put: { head: { ...group, description, descriptionRevision } } };
      if (!isDeepStrictEqual(description, group.description)) throw otherDescription(known);
      return { result: undefined };
    });
    this.due.add(groupId);
    return groupId;
  }
}

const otherDelivery = () =>
  invalidArgument('FIELD_OUT_OF_RANGE', 'a group pulls or pushes for all its life', {
    metadata: { field: 'delivery' },
  });

const otherDescription = (revision: bigint) =>
  new CpnsError('CONFLICT', `revision ${revision} of the description is another`, {
    metadata: { description_revision: String(revision) },
  });
