/** Groups that may not be made as they are asked for, at the SMF and at CSKMF (SMF-SRV, GK-CREATE). */
import { GroupKeyManagementServiceService, ServiceGroupServiceService } from '@cpns/contracts';
import type { MethodShape, RequestOf } from '@cpns/grpc';
import type { Expected } from '@cpns/testing/bad-input';
import type { Row } from '../../phase';
import type { World } from '../../world';
import { BY_OPERATOR, BY_SMF, callRow, creation, type Served } from './stage';

type Creation = Partial<Omit<Awaited<ReturnType<typeof creation>>, 'description'>> & { description?: undefined };
type Change = (members: readonly string[], world: World) => Creation;

const DOMAIN = 'a caller of the wrong trust domain';
const KEYLESS = 'a member without a registered key';
const tooMany: Change = (_members, world) => ({ members: Array.from({ length: 1_001 }, () => world.entity()) });
const withUser: Change = ([first]) => ({ members: [`${first}?user=alice`] });
const elsewhere: Change = () => ({ members: ['cpns://pn1.other.example/pne/lamp'] });
const twice: Change = ([first = '']) => ({ members: [first, first] });
const stranger: Change = (members, world) => ({ members: [...members, world.entity()] });

const WRONG: readonly (readonly [id: string, item: string, expect: Expected, change: Change])[] = [
  ['no description', 'a malformed description', 'FIELD_MISSING description', () => ({ description: undefined })],
  ['an E with a user', 'a user-info trick', 'NAME_INVALID', withUser],
  ['an E of another trust domain', DOMAIN, 'TRUST_DOMAIN', elsewhere],
  ['1,001 names', 'a message over the limit', 'FIELD_TOO_LONG members', tooMany],
  ['a name twice', 'an entity named twice', 'FIELD_OUT_OF_RANGE members', twice],
  ['a member that was never admitted', KEYLESS, 'MEMBER_WITHOUT_KEY', stranger],
];
/** CSKMF refuses what SMF proposed: it is taken back, and the reason is kept for ten minutes for a repeated call. */
const TAKEN_BACK =
  /^smf service-group\/[\w-]+ (group was changed|refusal\.[0-9a-f]{32} was added|log outbox was (added|changed))$/;

const created = <M extends MethodShape>(name: string, served: Served, method: M): Row[] =>
  WRONG.map(([id, item, expect, change]) => {
    const messages = async (world: World) => {
      const [good, other] = [await creation(world), await creation(world)];
      return { good, bad: { ...other, ...change(other.members, world) } } as { good: RequestOf<M>; bad: RequestOf<M> };
    };
    const journal = item === KEYLESS ? TAKEN_BACK : undefined;
    return callRow<M>([`${id} (${name})`, item, expect], served, method, messages, { journal });
  });

export const CREATION_ROWS: readonly Row[] = [
  ...created('CreateServiceGroup', BY_OPERATOR, ServiceGroupServiceService.createServiceGroup),
  ...created('CreateGroupKey', BY_SMF, GroupKeyManagementServiceService.createGroupKey),
];
