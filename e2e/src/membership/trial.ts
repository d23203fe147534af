/**
 * The trial at the end: each device is a hoarder, and tries on every message of the campaign what it ever got or could have
 * seen. What it was a member for opens, or the attempt was none; what was before it joined or after it left does not.
 */
import type { GatewayGroupKeyDelivery } from '@cpns/contracts';
import { readContent } from './bare/content';
import { Hoarder, type SeenEnvelope } from './bare/hoarder';
import { readEnvelope } from './bare/keys';
import { isSigned, NOTHING_SHARED } from './bare/statement';
import type { Community } from './community';
import type { GroupModel } from './model';
import type { Participant } from './participant';
import type { Tally } from './tally';

interface Statement {
  readonly groupId: string;
  readonly version: bigint;
}

const statementOf = ({ statement }: GatewayGroupKeyDelivery) => {
  if (statement === undefined) throw new Error('a delivery without a statement');
  return statement;
};

/** Every envelope that passed a gateway, each once. */
function envelopesIn(deliveries: readonly GatewayGroupKeyDelivery[]): SeenEnvelope[] {
  const seen = new Map<string, SeenEnvelope>();
  for (const delivery of deliveries) {
    const { groupId, version } = statementOf(delivery);
    for (const { own } of delivery.envelopes)
      seen.set(`${groupId} ${version} ${own.toString('hex')}`, { groupId, version, own });
  }
  return [...seen.values()];
}

/** What a message is to a device that is no member of its version. */
export const BARE_REFUSALS = ['bare refused after leaving', 'bare refused before joining', 'bare refused to strangers'];

function refusedAs(groups: Groups, entity: string, { groupId, version }: Statement): string {
  const model = groups.get(groupId)!;
  const [after, before, never] = BARE_REFUSALS as [string, string, string];
  if (model.wasMemberBefore(entity, version)) return after;
  return model.wasEverMember(entity) ? before : never;
}

/** A delivery has an envelope for each member behind the gateway, and for nobody else; its statement is the Server's. */
function inspectLink(deliveries: readonly GatewayGroupKeyDelivery[], pn: string, groups: Groups, tally: Tally): void {
  const isHere = (entity: string) => entity.startsWith(`cpns://${pn}.`);
  for (const delivery of deliveries) {
    const statement = statementOf(delivery);
    const at = `${statement.groupId} version ${statement.version} on the link of ${pn}`;
    tally.add('deliveries');
    if (!isSigned(statement)) tally.fail(`${at}: not signed`);
    if (!statement.sharedDigest.equals(NOTHING_SHARED)) tally.fail(`${at}: speaks of a rekey message`);
    const due = groups.get(statement.groupId)!.members(statement.version).filter(isHere).sort();
    const there = delivery.envelopes.map(({ own }) => readEnvelope(own).entity).sort();
    if (there.join() !== due.join()) tally.fail(`${at}: envelopes for ${there.join()}, not for ${due.join()}`);
    tally.add('envelopes', there.length);
  }
}

type Groups = ReadonlyMap<string, GroupModel>;

const isMemberOf = (groups: Groups, entity: string, { groupId, version }: Statement) =>
  groups.get(groupId)!.isMember(entity, version);

export async function trial(community: Community, models: readonly GroupModel[], tally: Tally): Promise<void> {
  const groups: Groups = new Map(models.map((model) => [model.groupId, model]));
  const messages = models.flatMap((model) => model.messages);
  for (const [pn, { deliveries }] of community.taps) inspectLink(deliveries, pn, groups, tally);
  const deliveriesOf = ({ pn }: Participant) => community.taps.get(pn)!.deliveries;
  for (const participant of community.participants) {
    const { entity } = participant;
    const hoarder = new Hoarder({
      entity,
      secrets: [await participant.secret()],
      groupKeys: participant.groupKeys,
      envelopes: [...participant.envelopes, ...envelopesIn(deliveriesOf(participant))],
    });
    tally.add('hoarders');
    tally.add('keys hoarded', hoarder.keys);
    for (const name of hoarder.unwrapped.keys())
      if (!name.endsWith(` ${entity}`)) tally.fail(`${entity} opened the envelope of another: ${name}`);
    for (const { sealed, plaintext, groupId, version, sender } of messages) {
      const opened = hoarder.open(readContent(sealed));
      const what = `bare: ${entity} on version ${version} of ${groupId} from ${sender}`;
      if (isMemberOf(groups, entity, { groupId, version })) {
        if (opened?.equals(plaintext) === true) tally.add('bare opened');
        else tally.fail(`${what}: does not open, though it is a member`);
      } else if (opened === undefined) tally.add(refusedAs(groups, entity, { groupId, version }));
      else tally.fail(`${what}: opens, though it is no member`);
    }
    tally.add('bare tries', hoarder.tries);
    for (const delivery of deliveriesOf(participant)) {
      const { groupId, version, commitment } = statementOf(delivery);
      const holds = hoarder.holds({ groupId, version }, commitment);
      if (holds !== isMemberOf(groups, entity, { groupId, version }))
        tally.fail(`bare: ${entity} ${holds ? 'has' : 'lacks'} the Group Key of version ${version} of ${groupId}`);
    }
    // the campaign's other work waits for a turn
    await new Promise(setImmediate);
  }
}
