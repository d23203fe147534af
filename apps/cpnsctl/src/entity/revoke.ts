/** `entity revoke`: ends what an entity has; by itself everything, with an option one admission or one key. */
import { CpnsError } from '@cpns/core';
import { keyIdBytes } from '@cpns/key-derivation';
import { Command, Option } from 'commander';
import { withConnection, withServer, type ConnectionFlags, type ServerConnection } from '../connection';
import { describeAdmission, describeKey } from '../describe';
import type { Io } from '../io';
import * as values from '../option-values';
import { withOutput, writeAnswer, type OutputFormat } from '../output';
import { detailsTable, entityDetails, type EntityDetails } from './show';

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
  if (key === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the key');
  return describeKey(key);
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
