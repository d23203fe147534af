/** `entity`: what an operator sees of entities, and how it ends what they have. */
import { CpnsError, type Reason } from '@cpns/core';
import { keyIdBytes } from '@cpns/key-derivation';
import { Command, Option } from 'commander';
import { type ConnectionFlags, type ServerConnection, withConnection, withServer } from '../connection';
import { type AdmissionAnswer, describeAdmission, describeKey, type KeyAnswer } from '../describe';
import type { Io } from '../io';
import * as values from '../option-values';
import { type Column, fieldTable, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { readableTime } from '../values';

/** An entity with all its admissions, the newest first, and its newest key. */
interface EntityDetails {
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
async function entityDetails({ enrolment, entityUserKeys }: ServerConnection, entity: string): Promise<EntityDetails> {
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

const detailsTable = ({ entity, admissions, key }: EntityDetails, now: number): string =>
  [
    entity,
    'Admissions',
    listTable(admissions, admissionColumns(now)),
    'Entity-User Key',
    key === null ? 'none at the Server' : keyTable(key, now),
  ].join('\n');

/** `entity show`: everything that an operator may see of one entity. */
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

/** An entity that was admitted, or whose key was imported. */
export interface EntityAnswer {
  readonly entity: string;
  readonly user: string | null;
  readonly form: string;
  readonly assigner: string;
  /** The newest one; null for an imported key. */
  readonly admission: AdmissionAnswer | null;
  /** The newest one; null before there is one at the Server. */
  readonly key: KeyAnswer | null;
}

/** The newest admission of each entity. */
function newest(admissions: readonly AdmissionAnswer[]): Map<string, AdmissionAnswer> {
  const found = new Map<string, AdmissionAnswer>();
  for (const admission of admissions) {
    const before = found.get(admission.entity);
    if (before === undefined || (before.admittedAt ?? '') < (admission.admittedAt ?? ''))
      found.set(admission.entity, admission);
  }
  return found;
}

/** Puts admissions and keys together, in the order of the entities' names. */
export function joinEntities(admissions: readonly AdmissionAnswer[], keys: readonly KeyAnswer[]): EntityAnswer[] {
  const byEntity = newest(admissions);
  const keyOf = new Map(keys.map((key) => [key.entity, key]));
  return [...new Set([...byEntity.keys(), ...keyOf.keys()])].sort().flatMap((entity) => {
    const admission = byEntity.get(entity) ?? null;
    const key = keyOf.get(entity) ?? null;
    const named = admission ?? key;
    return named === null
      ? []
      : [{ entity, user: named.user, form: named.form, assigner: named.assigner, admission, key }];
  });
}

async function listEntities({ enrolment, entityUserKeys }: ServerConnection): Promise<EntityAnswer[]> {
  const admissions = await allPages(async (pageToken) => {
    const { admissions: items, nextPageToken } = await enrolment.listAdmissions({
      entity: '',
      pageSize: PAGE_SIZE,
      pageToken,
    });
    return { items, nextPageToken };
  });
  const keys = await allPages(async (pageToken) => {
    const { keys: items, nextPageToken } = await entityUserKeys.listEntityUserKeys({ pageSize: PAGE_SIZE, pageToken });
    return { items, nextPageToken };
  });
  return joinEntities(admissions.map(describeAdmission), keys.map(describeKey));
}

const columns = (now: number): readonly Column<EntityAnswer>[] => [
  { heading: 'entity', cell: ({ entity }) => entity },
  { heading: 'user', cell: ({ user }) => user ?? '-' },
  { heading: 'form', cell: ({ form }) => form },
  { heading: 'assigner', cell: ({ assigner }) => assigner },
  { heading: 'admission', cell: ({ admission }) => admission?.state ?? '-' },
  { heading: 'key', cell: ({ key }) => key?.state ?? '-' },
  { heading: 'key ends', cell: ({ key }) => readableTime(key?.notAfter ?? null, now) },
];

/** `entity list`: one line per entity, with its newest admission and its newest key. */
export function listCommand(io: Io): Command {
  const command = new Command('list').description('list the entities with their newest admission and key');
  return withOutput(withConnection(command)).action(
    async (flags: ConnectionFlags & { readonly output: OutputFormat }) => {
      const entities = await withServer(flags, io.now(), listEntities);
      writeAnswer(io, flags.output, entities, () => listTable(entities, columns(io.now())));
    },
  );
}

interface RevokeFlags extends ConnectionFlags {
  readonly tokenId?: string;
  readonly keyId?: string;
  readonly output: OutputFormat;
}

async function revokeAdmission({ enrolment }: ServerConnection, entity: string, tokenId: string) {
  const { admission } = await enrolment.revokeAdmission({ entity, tokenId });
  if (admission === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the admission');
  return describeAdmission(admission);
}

async function revokeKey({ entityUserKeys }: ServerConnection, entity: string, keyId: Buffer) {
  const { key } = await entityUserKeys.revokeEntityUserKey({ entity, keyId });
  // of an entity that had a certificate only, which was not registered, the admission has ended
  return key === undefined ? null : describeKey(key);
}

/** The admissions first: afterwards nothing can lead to another key. */
async function revokeAll(server: ServerConnection, entity: string): Promise<EntityDetails> {
  const { admissions, key } = await entityDetails(server, entity);
  const ended = [];
  for (const { tokenId, state } of admissions)
    if (state !== 'revoked') ended.push(await revokeAdmission(server, entity, tokenId));
  return { entity, admissions: ended, key: key === null ? null : await revokeKey(server, entity, Buffer.alloc(0)) };
}

async function revoke(
  server: ServerConnection,
  entity: string,
  { tokenId, keyId }: RevokeFlags,
): Promise<EntityDetails> {
  if (tokenId !== undefined) return { entity, admissions: [await revokeAdmission(server, entity, tokenId)], key: null };
  if (keyId !== undefined) return { entity, admissions: [], key: await revokeKey(server, entity, keyIdBytes(keyId)) };
  return revokeAll(server, entity);
}

/** `entity revoke`: ends what an entity has; by itself everything, with an option one admission or one key. */
export function revokeCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('end every admission of an entity and its key; with an option, one of them')
    .argument('<entity>', 'E', values.entityUri)
    .addOption(new Option('--token-id <id>', 'end this admission only').argParser(values.tokenId))
    .addOption(new Option('--key-id <hex>', 'end this key only').argParser(values.keyId).conflicts('tokenId'));
  return withOutput(withConnection(command)).action(async (entity: string, flags: RevokeFlags) => {
    const ended = await withServer(flags, io.now(), (server) => revoke(server, entity, flags));
    writeAnswer(io, flags.output, ended, () => detailsTable(ended, io.now()));
  });
}
