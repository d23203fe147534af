/** Versions whose time is over: a minute after their successors, so that they are made long before they are asked for. */
import {
  GroupKeyDeliveryServiceService,
  GroupKeyVersionState,
  KmcServiceService,
  PnGatewayServiceService,
} from '@cpns/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../../../support/wire';
import type { Expectation, Row } from '../../row';
import type { World } from '../../world';
import { callRow, group, groupsOf, member, resident } from './stage';

const RETIRED: Expectation = { code: 'FAILED_PRECONDITION', reason: 'VERSION_RETIRED' };
const POLL_MS = 500;
/** A minute of grace, and the round of whoever destroys what is over; on a busy machine. */
const RETIRED_MS = 150_000;

const OSG = ['KMC certificate', 'service cpns-server'] as const;
const getKeyVersion = (world: World, groupId: string) =>
  world.wire(...OSG).call(KmcServiceService.getKeyVersion, { groupId, version: 1n });

/** A group with two members that were in it all the time, at version 2. */
export const agingGroup = (world: World): Promise<string> =>
  world.once('group with a version that retires', async () => {
    const groupId = await group(world, [await member(world), (await resident(world)).entity]);
    await groupsOf(world).addMembers(groupId, [await member(world, 2)]);
    return groupId;
  });

/** Resolves when version 1 has retired, and was destroyed at the KMC. */
export async function hasRetired(world: World): Promise<void> {
  const groupId = await agingGroup(world);
  const until = Date.now() + RETIRED_MS;
  for (;;) {
    const [version] = (await groupsOf(world).groupKeyStatus(groupId)).versions;
    const isOver = version?.state === GroupKeyVersionState.GROUP_KEY_VERSION_STATE_RETIRED;
    if (isOver && (await isDestroyed(world, groupId))) return;
    if (Date.now() > until) throw new Error('version 1 does not retire');
    await sleep(POLL_MS);
  }
}

async function isDestroyed(world: World, groupId: string): Promise<boolean> {
  try {
    await getKeyVersion(world, groupId);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.reason === 'NOT_FOUND') return true;
    throw error;
  }
}

const { pullGroupKey } = GroupKeyDeliveryServiceService;
const AS_GATEWAY = { at: 'Server certificate', as: 'PN GW', clause: 'GK-PULL step 3' } as const;
const ITEM = { item: 'a version that has retired', expect: RETIRED } as const;

export const RETIRED_ROWS: readonly Row[] = [
  callRow({
    ...AS_GATEWAY,
    ...ITEM,
    id: 'a version that has retired, for one member (PullGroupKey by a PN GW)',
    method: pullGroupKey,
    messages: async (world) => {
      const good = { groupId: await agingGroup(world), version: 2n, entity: await member(world) };
      return { good, bad: { ...good, version: 1n } };
    },
  }),
  callRow({
    ...AS_GATEWAY,
    ...ITEM,
    id: 'a version that has retired, for all (PullGroupKey by a PN GW)',
    method: pullGroupKey,
    messages: async (world) => {
      const good = { groupId: await agingGroup(world), version: 2n, entity: '' };
      return { good, bad: { ...good, version: 1n } };
    },
  }),
  callRow({
    ...ITEM,
    id: 'a version that has retired (PullGroupKey by a PNE)',
    clause: 'GK-PULL step 2',
    at: 'gateway certificate',
    as: async (world) => (await resident(world)).wire,
    method: PnGatewayServiceService.pullGroupKey,
    messages: async (world) => {
      const good = { groupId: await agingGroup(world), version: 2n };
      return { good, bad: { ...good, version: 1n } };
    },
  }),
  callRow({
    id: 'a version that has retired (GetKeyVersion)',
    item: 'a version that has retired',
    clause: 'SECCF-KMC',
    at: OSG[0],
    as: OSG[1],
    method: KmcServiceService.getKeyVersion,
    expect: { code: 'NOT_FOUND', reason: 'NOT_FOUND' },
    messages: async (world) => {
      const groupId = await agingGroup(world);
      return { good: { groupId, version: 2n }, bad: { groupId, version: 1n } };
    },
  }),
];
