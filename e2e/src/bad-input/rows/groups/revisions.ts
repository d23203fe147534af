/** Revisions of a membership that do not follow the one that CSKMF has, and what goes with them (GK-UPDATE-M). */
import { GroupKeyManagementServiceService, type UpdateGroupKeyRequest } from '@cpns/contracts';
import type { Expectation, Item, Row } from '../../row';
import type { World } from '../../world';
import { keyedGroup } from './rpcs';
import { callRow, description, member, members } from './stage';

const { createGroupKey, updateGroupKey } = GroupKeyManagementServiceService;
const AS_SMF = { at: 'Server certificate', as: 'service smf' } as const;
const CONFLICT: Expectation = { code: 'ABORTED', reason: 'CONFLICT' };
const argument = (reason: 'FIELD_MISSING' | 'FIELD_TOO_LONG' | 'FIELD_OUT_OF_RANGE', field: string): Expectation => ({
  code: 'INVALID_ARGUMENT',
  reason,
  field,
});

interface WrongUpdate {
  readonly id: string;
  readonly item: Item;
  /** From an update that was accepted: revision 2, where member 3 joined. */
  readonly change: (good: UpdateGroupKeyRequest, world: World) => Promise<Partial<UpdateGroupKeyRequest>>;
  readonly expect: Expectation;
}

const at = (membershipRevision: bigint) => () => Promise.resolve({ membershipRevision });

const WRONG: readonly WrongUpdate[] = [
  {
    id: 'revision 0',
    item: 'a malformed message',
    change: at(0n),
    expect: argument('FIELD_MISSING', 'membership_revision'),
  },
  { id: 'a revision that is over', item: 'a revision repeated with other content', change: at(1n), expect: CONFLICT },
  { id: 'a revision too far', item: 'a revision from the future', change: at(4n), expect: CONFLICT },
  { id: 'revision 2^64 - 1', item: 'a revision from the future', change: at(2n ** 64n - 1n), expect: CONFLICT },
  {
    id: 'the present revision with another member',
    item: 'a revision repeated with other content',
    change: async (_good, world) => ({ joined: [await member(world, 4)] }),
    expect: CONFLICT,
  },
  {
    id: 'the present revision with one member more',
    item: 'a revision repeated with other content',
    change: async (good, world) => ({ joined: [...good.joined, await member(world, 4)] }),
    expect: CONFLICT,
  },
  {
    id: 'the present revision with somebody leaving besides',
    item: 'a revision repeated with other content',
    change: async (_good, world) => ({ left: [await member(world)] }),
    expect: CONFLICT,
  },
  {
    id: 'nobody joined and nobody left',
    item: 'a malformed message',
    change: () => Promise.resolve({ membershipRevision: 3n, joined: [], left: [] }),
    expect: argument('FIELD_MISSING', 'joined'),
  },
  {
    id: 'one that joined twice',
    item: 'an entity named twice',
    change: async (_good, world) => {
      const one = await member(world, 4);
      return { membershipRevision: 3n, joined: [one, one] };
    },
    expect: argument('FIELD_OUT_OF_RANGE', 'joined'),
  },
  {
    id: 'one that left twice',
    item: 'an entity named twice',
    change: async (_good, world) => {
      const one = await member(world);
      return { membershipRevision: 3n, joined: [], left: [one, one] };
    },
    expect: argument('FIELD_OUT_OF_RANGE', 'left'),
  },
  {
    id: 'one that joined and left',
    item: 'an entity named twice',
    change: async (_good, world) => {
      const one = await member(world);
      return { membershipRevision: 3n, joined: [one], left: [one] };
    },
    expect: argument('FIELD_OUT_OF_RANGE', 'left'),
  },
  ...(['joined', 'left'] as const).flatMap((field): WrongUpdate[] => {
    const named = (id: string, item: Item, names: (world: World) => string[], expect: Expectation): WrongUpdate => ({
      id: `${id} in ${field}`,
      item,
      change: (_good, world) =>
        Promise.resolve({ membershipRevision: 3n, joined: [], left: [], [field]: names(world) }),
      expect,
    });
    return [
      named('an empty name', 'an id that is empty', () => [''], argument('FIELD_MISSING', field)),
      named('what is no E', 'an id outside its pattern', () => ['lamp'], {
        code: 'INVALID_ARGUMENT',
        reason: 'NAME_INVALID',
        field,
      }),
      named(
        'an E of another trust domain',
        'a caller of the wrong trust domain',
        () => ['cpns://pn1.other.example/pne/lamp'],
        {
          code: 'PERMISSION_DENIED',
          reason: 'TRUST_DOMAIN',
        },
      ),
      named(
        '1,001 names',
        'a message over the limit',
        (world) => Array.from({ length: 1_001 }, () => world.entity()),
        argument('FIELD_TOO_LONG', field),
      ),
    ];
  }),
];

const updates: readonly Row[] = WRONG.map(({ id, item, change, expect }) =>
  callRow({
    ...AS_SMF,
    id: `${id} (UpdateGroupKey)`,
    item,
    clause: 'GK-UPDATE-M',
    method: updateGroupKey,
    expect,
    messages: async (world) => {
      const groupId = await keyedGroup(world);
      const good = { groupId, membershipRevision: 2n, joined: [await member(world, 3)], left: [] };
      // the same once more gets the same answer
      return { good, bad: { ...good, ...(await change(good, world)) }, again: good };
    },
  }),
);

const creations: readonly Row[] = [
  callRow({
    ...AS_SMF,
    id: 'revision 0 (CreateGroupKey)',
    item: 'a malformed message',
    clause: 'GK-CREATE',
    method: createGroupKey,
    expect: argument('FIELD_MISSING', 'membership_revision'),
    messages: async (world) => {
      const good = { description: description(), members: await members(world, 2), membershipRevision: 1n };
      return { good, bad: { ...good, description: description(), membershipRevision: 0n } };
    },
  }),
  ...(['members', 'revision', 'description'] as const).map((what) =>
    callRow({
      ...AS_SMF,
      id: `a group that is there, with other ${what} (CreateGroupKey)`,
      item: 'a group-id that is taken',
      clause: 'GK-CREATE',
      method: createGroupKey,
      expect: { code: 'ALREADY_EXISTS', reason: 'ALREADY_EXISTS' },
      messages: async (world) => {
        const good = { description: description(), members: await members(world, 2), membershipRevision: 1n };
        const other = {
          members: { members: await members(world, 1) },
          revision: { membershipRevision: 2n },
          description: { description: { ...good.description, displayName: 'kitchen' } },
        };
        return { good, bad: { ...good, ...other[what] }, again: good };
      },
    }),
  ),
];

export const REVISION_ROWS: readonly Row[] = [...updates, ...creations];
