/** `entity show`: what an operator sees of one entity. */
import { CpnsError, forEach, type Reason } from '@cpns/core';
import { Command } from 'commander';
import {
  type ConnectionFlags,
  type ServerConnection,
  type SmfConnection,
  type SmfFlags,
  withBothConnections,
  withServer,
  withSmf,
} from '../connection';
import { type AdmissionAnswer, describeAdmission, describeKey, type KeyAnswer } from '../describe';
import type { Io } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { isoTime, readableTime } from '../values';

/** One group that an entity is in. */
interface MembershipAnswer {
  readonly groupId: string;
  /** Its place is kept while its right rests. */
  readonly suspended: boolean;
  /** Versions of the Group Key in use that it is given, oldest first. */
  readonly versionsGiven: readonly number[];
}

/** An entity with all its admissions, the newest first, its newest key, and its groups. */
export interface EntityDetails {
  readonly entity: string;
  readonly lastSeenAt: string | null;
  /** E of the gateway that it was seen through. */
  readonly lastSeenGateway: string | null;
  readonly admissions: readonly AdmissionAnswer[];
  readonly key: KeyAnswer | null;
  /** Null where they were not asked for. */
  readonly groups: readonly MembershipAnswer[] | null;
}

async function orUndefined<T>(reason: Reason, task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    if (error instanceof CpnsError && error.reason === reason) return undefined;
    throw error;
  }
}

/** @throws CpnsError NOT_FOUND for an entity that has neither admission nor key */
async function entityDetails(
  { enrolment, entityUserKeys }: ServerConnection,
  entity: string,
): Promise<Omit<EntityDetails, 'groups'>> {
  const listed = await orUndefined('NOT_FOUND', enrolment.listAdmissions({ entity, pageSize: 0, pageToken: '' }));
  const found = await orUndefined('NOT_FOUND', entityUserKeys.getEntityUserKey({ entity }));
  if (listed === undefined && found?.key === undefined)
    throw new CpnsError('NOT_FOUND', 'the entity was never admitted, and no key was imported for it');
  const admissions = (listed?.admissions ?? []).map(describeAdmission);
  admissions.sort((a, b) => (b.admittedAt ?? '').localeCompare(a.admittedAt ?? ''));
  const { lastSeenAt = 0n, lastSeenGateway = '' } = found ?? {};
  return {
    entity,
    lastSeenAt: isoTime(lastSeenAt),
    lastSeenGateway: lastSeenGateway === '' ? null : lastSeenGateway,
    admissions,
    key: found?.key === undefined ? null : describeKey(found.key),
  };
}

/** Its groups as the SMF has them, each with what CSKMF gives it. */
async function membershipsOf(
  { serviceGroups }: SmfConnection,
  { groupKeys }: ServerConnection,
  entity: string,
): Promise<MembershipAnswer[]> {
  const memberships = await allPages(async (pageToken) => {
    const { memberships: items, nextPageToken } = await serviceGroups.listMemberships({
      entity,
      pageSize: PAGE_SIZE,
      pageToken,
    });
    return { items, nextPageToken };
  });
  const answers: MembershipAnswer[] = [];
  await forEach(memberships, async ({ groupId, suspended }) => {
    const { given } = await groupKeys.getGroupKeyStatus({ groupId, entity, withRecipients: false });
    answers.push({ groupId, suspended, versionsGiven: given.map(Number) });
  });
  return answers.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

const admissionColumns = (now: number): readonly Column<AdmissionAnswer>[] => [
  { heading: 'token', cell: ({ tokenId }) => tokenId },
  { heading: 'user', cell: ({ user }) => user ?? '-' },
  { heading: 'role', cell: ({ role }) => role },
  { heading: 'form', cell: ({ form }) => form },
  { heading: 'assigner', cell: ({ assigner }) => assigner },
  { heading: 'state', cell: ({ state }) => state },
  { heading: 'at its assigner', cell: ({ delivered }) => (delivered ? 'yes' : 'not yet') },
  { heading: 'expires', cell: ({ expiresAt }) => readableTime(expiresAt, now) },
];

const membershipColumns: readonly Column<MembershipAnswer>[] = [
  { heading: 'group', cell: ({ groupId }) => groupId },
  { heading: 'state', cell: ({ suspended }) => (suspended ? 'suspended' : 'member') },
  { heading: 'versions given', cell: ({ versionsGiven }) => versionsGiven.join(', ') || 'none' },
];

export const keyTable = (key: KeyAnswer | null, now: number): string =>
  key === null
    ? 'none at the Server'
    : fieldTable([
        ['state', key.state],
        ['user', key.user ?? '-'],
        ['form', key.form],
        ['assigner', key.assigner],
        ['key-id', key.keyId ?? '-'],
        ['registered', readableTime(key.registeredAt, now)],
        ['ends', readableTime(key.notAfter, now)],
        ['certificate, SHA-256', key.certificateDigest ?? '-'],
        ['token', key.tokenId ?? 'none: imported'],
      ]);

export const admissionsTable = (admissions: readonly AdmissionAnswer[], now: number): string =>
  listTable(admissions, admissionColumns(now));

export const detailsTable = (details: EntityDetails, now: number): string =>
  [
    fieldTable([
      ['entity', details.entity],
      ['last seen', readableTime(details.lastSeenAt, now)],
      ['through', details.lastSeenGateway ?? '-'],
    ]),
    'Admissions',
    admissionsTable(details.admissions, now),
    'Entity-User Key',
    keyTable(details.key, now),
    ...(details.groups === null ? [] : ['Service Groups', listTable(details.groups, membershipColumns)]),
  ].join('\n');

interface ShowFlags extends ConnectionFlags, SmfFlags {
  readonly groups: boolean;
  readonly output: OutputFormat;
}

/** `entity show`: everything that an operator may see of one entity. */
export function showCommand(io: Io): Command {
  const command = new Command('show')
    .description('show the admissions, the key and the Service Groups of one entity, and when it was last seen')
    .argument('<entity>', 'E', values.entityUri)
    .option('--no-groups', 'leave out its Service Groups, which the SMF has');
  return withOutput(withBothConnections(command)).action(async (entity: string, flags: ShowFlags) => {
    const details = await withServer(flags, io.now(), async (server): Promise<EntityDetails> => {
      const found = await entityDetails(server, entity);
      const groups = flags.groups ? await withSmf(flags, io.now(), (smf) => membershipsOf(smf, server, entity)) : null;
      return { ...found, groups };
    });
    writeAnswer(io, flags.output, details, () => detailsTable(details, io.now()));
  });
}
