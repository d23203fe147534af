/** `entity show`: everything that an operator may see of one entity. */
import { CpnsError, type Reason } from '@cpns/core';
import { Command } from 'commander';
import { withConnection, withServer, type ConnectionFlags, type ServerConnection } from '../connection';
import { describeAdmission, describeKey, type AdmissionAnswer, type KeyAnswer } from '../describe';
import type { Io } from '../io';
import * as values from '../option-values';
import { fieldTable, listTable, withOutput, writeAnswer, type Column, type OutputFormat } from '../output';
import { readableTime } from '../values';

/** An entity with all its admissions, the newest first, and its newest key. */
export interface EntityDetails {
  readonly entity: string;
  readonly admissions: readonly AdmissionAnswer[];
  readonly key: KeyAnswer | null;
}

async function orUndefined<T>(reason: Reason, task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    if (error instanceof CpnsError && error.reason === reason) return undefined;
    throw error;
  }
}

/** @throws CpnsError NOT_FOUND for an entity that has neither */
export async function entityDetails(
  { enrolment, entityUserKeys }: ServerConnection,
  entity: string,
): Promise<EntityDetails> {
  const listed = await orUndefined('NOT_FOUND', enrolment.listAdmissions({ entity, pageSize: 0, pageToken: '' }));
  const found = await orUndefined('NOT_FOUND', entityUserKeys.getEntityUserKey({ entity }));
  if (listed === undefined && found?.key === undefined)
    throw new CpnsError('NOT_FOUND', 'the entity was never admitted, and no key was imported for it');
  const admissions = (listed?.admissions ?? []).map(describeAdmission);
  admissions.sort((a, b) => (b.admittedAt ?? '').localeCompare(a.admittedAt ?? ''));
  return { entity, admissions, key: found?.key === undefined ? null : describeKey(found.key) };
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

const keyTable = (key: KeyAnswer, now: number): string =>
  fieldTable([
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

export const detailsTable = ({ entity, admissions, key }: EntityDetails, now: number): string =>
  [
    entity,
    'Admissions',
    listTable(admissions, admissionColumns(now)),
    'Entity-User Key',
    key === null ? 'none at the Server' : keyTable(key, now),
  ].join('\n');

export function showCommand(io: Io): Command {
  const command = new Command('show')
    .description('show the admissions and the key of one entity')
    .argument('<entity>', 'E', values.entityUri);
  return withOutput(withConnection(command)).action(
    async (entity: string, flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const details = await withServer(flags, io.now(), (server) => entityDetails(server, entity));
      writeAnswer(io, flags.output, details, () => detailsTable(details, io.now()));
    },
  );
}
