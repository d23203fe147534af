/** `entity list`: the entities with what they have. */
import { Command } from 'commander';
import { type ConnectionFlags, type ServerConnection, withConnection, withServer } from '../connection';
import { type AdmissionAnswer, describeAdmission, describeKey, type KeyAnswer } from '../describe';
import type { Io } from '../io';
import { type Column, listTable, type OutputFormat, withOutput, writeAnswer } from '../output';
import { allPages, PAGE_SIZE } from '../paging';
import { readableTime } from '../values';

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
