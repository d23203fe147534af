/** Groups that may not be made as they are asked for, at the SMF and at CSKMF (SMF-SRV, GK-CREATE). */
import { GroupKeyManagementServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { Expectation, Item, Row } from '../../row';
import type { World } from '../../world';
import { BY_OPERATOR, BY_SMF, callRow, creation, refused, type Served } from './stage';

type Creation = Awaited<ReturnType<typeof creation>>;
interface WrongCreation {
  readonly id: string;
  readonly item: Item;
  readonly expect: Expectation;
  readonly change: (
    good: Creation,
    world: World,
  ) => Partial<Omit<Creation, 'description'>> & { description?: undefined };
  readonly journal?: RegExp;
}
/** CSKMF refuses what SMF proposed: it is taken back, and the reason is kept for ten minutes for a repeated call. */
const TAKEN_BACK =
  /^smf service-group\/[\w-]+ (group was changed|refusal\.[0-9a-f]{32} was added|log outbox was (added|changed))$/;
const WRONG_CREATIONS: readonly WrongCreation[] = [
  {
    id: 'no description',
    item: 'a malformed description',
    expect: refused('FIELD_MISSING', 'description'),
    change: () => ({ description: undefined }),
  },
  {
    id: 'an E with a user',
    item: 'a user-info trick',
    expect: refused('NAME_INVALID'),
    change: ({ members: [first = ''] }) => ({ members: [`${first}?user=alice`] }),
  },
  {
    id: 'an E of another trust domain',
    item: 'a caller of the wrong trust domain',
    expect: refused('TRUST_DOMAIN'),
    change: () => ({ members: ['cpns://pn1.other.example/pne/lamp'] }),
  },
  {
    id: '1,001 names',
    item: 'a message over the limit',
    expect: refused('FIELD_TOO_LONG', 'members'),
    change: (_good, world) => ({ members: Array.from({ length: 1_001 }, () => world.entity()) }),
  },
  {
    id: 'a name twice',
    item: 'an entity named twice',
    expect: refused('FIELD_OUT_OF_RANGE', 'members'),
    change: ({ members: [first = ''] }) => ({ members: [first, first] }),
  },
  {
    id: 'a member that was never admitted',
    item: 'a member without a registered key',
    expect: refused('MEMBER_WITHOUT_KEY'),
    change: ({ members: all }, world) => ({ members: [...all, world.entity()] }),
    journal: TAKEN_BACK,
  },
];
const created = <M extends MethodShape>(name: string, clause: string, served: Served, method: M): Row[] =>
  WRONG_CREATIONS.map(({ id, change, ...shown }) =>
    callRow<M>({
      ...served,
      ...shown,
      id: `${id} (${name})`,
      clause,
      method,
      messages: async (world) => {
        const [good, other] = [await creation(world), await creation(world)];
        return { good, bad: { ...other, ...change(other, world) } } as { good: RequestOf<M>; bad: RequestOf<M> };
      },
    }),
  );

export const CREATION_ROWS: readonly Row[] = [
  ...created('CreateServiceGroup', 'SMF-SRV', BY_OPERATOR, ServiceGroupServiceService.createServiceGroup),
  ...created('CreateGroupKey', 'GK-CREATE', BY_SMF, GroupKeyManagementServiceService.createGroupKey),
];
