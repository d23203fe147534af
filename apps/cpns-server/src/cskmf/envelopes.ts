/** The envelopes of one version for the members of one Personal Network. */
import type { MemberEnvelope } from '@cpns/contracts';
import { makeEnvelope } from '@cpns/group-key';
import { at, type RecordRef } from '@cpns/store';
import { groupAggregate, RECIPIENT, recipientName, recipientsSet } from '../records/group-records';
import type { KeyRecord } from '../records/entity-records';
import type { CskmfContext } from './context';
import { liveKeysOf } from './member-keys';
import { isGiven } from './recipients';

const PAGE = 500;

/** E of each entity of a Personal Network that a version is given to, whether it has a key now or not. */
export async function* recipientsOf(
  { server }: CskmfContext,
  groupId: string,
  version: bigint,
  pnId: string,
): AsyncGenerator<readonly string[]> {
  const aggregate = groupAggregate(groupId);
  let cursor: string | undefined;
  do {
    const page = await server.store.members(aggregate, recipientsSet(pnId), cursor, PAGE);
    const wanted: Record<string, RecordRef<typeof RECIPIENT.fields>> = Object.fromEntries(
      page.items.map((entity) => [entity, at(RECIPIENT, recipientName(entity))]),
    );
    const found = await server.recent.read(aggregate, wanted);
    const given = page.items.filter((entity) => isGiven(found[entity]?.spans ?? [], version));
    if (given.length > 0) yield given;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** One envelope for each of these that has a live key; the others are left out: they pull once they have one. */
export async function* envelopesFor(
  cskmf: CskmfContext,
  groupId: string,
  version: bigint,
  entities: readonly string[],
): AsyncGenerator<MemberEnvelope> {
  for await (const { entity, key } of liveKeysOf(cskmf.server, entities))
    if (key !== undefined) yield { entity, own: await envelopeFor(cskmf, groupId, version, entity, key) };
}

/** For one member, under its S as of now. S is destroyed. @throws CpnsError as Osg.use */
export async function envelopeFor(
  { osg }: CskmfContext,
  groupId: string,
  version: bigint,
  entity: string,
  { secret, keyId }: KeyRecord,
): Promise<Buffer> {
  try {
    return await osg.use(groupId, version, (groupKey) =>
      makeEnvelope(secret, keyId, { groupId, version, entity }, groupKey),
    );
  } finally {
    secret.destroy();
  }
}
