/**
 * The trial at the end: each device is a hoarder, and tries on every message of the campaign what it ever got or could have
 * seen. What it was a member for opens, or the attempt was none; what was before it joined or after it left does not.
 */
import type { GatewayGroupKeyDelivery } from '@cpns/contracts';
import { readContent } from './bare/content';
import { Hoarder } from './bare/hoarder';
import { readEnvelope } from './bare/keys';
import { isSigned, NOTHING_SHARED } from './bare/statement';
import type { Community } from './community';
import type { GroupModel, Tally } from './model';
import { entitiesOf, type Participant } from './participant';

type Groups = ReadonlyMap<string, GroupModel>;

/** When a message is sealed with a version that a device is no member of. */
export const BARE_REFUSALS = ['after leaving', 'before joining', 'to strangers'] as const;

/** A delivery has an envelope for each member behind the gateway, and no other; its statement is the Server's. */
function inspectLink(deliveries: readonly GatewayGroupKeyDelivery[], pn: string, groups: Groups, tally: Tally): void {
  for (const { statement, envelopes } of deliveries) {
    const { groupId, version, sharedDigest } = statement!;
    tally.add('deliveries');
    tally.add('envelopes', envelopes.length);
    expect(isSigned(statement!)).toBe(true);
    // no delivery speaks of a rekey message
    expect(sharedDigest).toEqual(NOTHING_SHARED);
    const link = { groupId, version, pn };
    const due = entitiesOf(
      groups
        .get(groupId)!
        .members(version)
        .filter((who) => who.pn === pn),
    ).sort();
    const there = envelopes.map(({ own }) => readEnvelope(own).entity).sort();
    expect({ ...link, there }).toEqual({ ...link, there: due });
  }
}

/** What one device opens with all that it has: itself, with the bare code. */
async function tryAll(who: Participant, passed: readonly GatewayGroupKeyDelivery[], groups: Groups, tally: Tally) {
  const { entity } = who;
  const onLink = passed.flatMap(({ statement, envelopes }) => envelopes.map(({ own }) => ({ ...statement!, own })));
  const hoarder = new Hoarder({
    entity,
    secrets: [await who.secret()],
    groupKeys: [...who.groupKeys.values()],
    envelopes: [...who.envelopes, ...onLink],
  });
  tally.add('hoarders');
  tally.add('keys hoarded', hoarder.keys);
  // it opened no envelope of another
  for (const name of hoarder.unwrapped) expect(name.split(' ').at(-1)).toBe(entity);
  for (const [groupId, model] of groups)
    for (const { sealed, plaintext, version } of model.messages) {
      const opened = hoarder.open(readContent(sealed));
      const isMember = model.isMember(who, version);
      const attempt = { entity, groupId, version };
      expect({ ...attempt, opened }).toEqual({ ...attempt, opened: isMember ? plaintext : undefined });
      const [after, before, never] = BARE_REFUSALS;
      const when = model.wasMemberBefore(who, version) ? after : model.wasMemberBefore(who) ? before : never;
      tally.add(isMember ? 'bare opened' : `bare refused ${when}`);
    }
  tally.add('bare tries', hoarder.tries);
  for (const { statement } of passed) {
    const { groupId, version, commitment } = statement!;
    const attempt = { entity, groupId, version };
    const holds = hoarder.holds(attempt, commitment);
    expect({ ...attempt, holds }).toEqual({ ...attempt, holds: groups.get(groupId)!.isMember(who, version) });
  }
}

export async function trial({ taps, participants }: Community, models: readonly GroupModel[], tally: Tally) {
  const groups: Groups = new Map(models.map((model) => [model.groupId, model]));
  for (const [pn, { deliveries }] of taps) inspectLink(deliveries, pn, groups, tally);
  for (const who of participants) {
    await tryAll(who, taps.get(who.pn)!.deliveries, groups, tally);
    // the campaign's other work waits for a turn
    await new Promise(setImmediate);
  }
}
