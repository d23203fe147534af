/** What a gateway cannot make of an entity's requests to join and to leave: SMF has the entity's own proof verified. */
import { PnGatewayServiceService } from '@cpns/contracts';
import { perFile, reasonOfAsync } from '@cpns/core/testing';
import { refusalOf } from '@cpns/platform/testing';
import { ownProof } from '../testing/fake-server';
import { ANN, BOB, EVE, gatewayOf, relayed, within, World } from '../testing/world';

const world = perFile(new World());
const { joinServiceGroup, leaveServiceGroup } = PnGatewayServiceService;
const NOTHING = Buffer.alloc(0);
type Relayed = ReturnType<typeof relayed>;

const join = (request: Relayed, call = within()) => world.smf.members.joinServiceGroup(request, call);
const leave = (request: Relayed, call = within()) => world.smf.members.leaveServiceGroup(request, call);
const membersOf = async (groupId: string) => (await world.smf.get(groupId)).members;

describe('a request to leave', () => {
  const body = (groupId: string) => leaveServiceGroup.requestSerialize({ groupId });
  it.each<[string, (own: Relayed, other: string) => Partial<Relayed>, string]>([
    ['without the entity’s own proof', () => ({ entityProof: NOTHING }), 'PROOF_MISSING'],
    ['without what the entity sent', () => ({ entityRequest: NOTHING }), 'FIELD_MISSING'],
    [
      'with a proof of another form',
      ({ entityProof }) => ({ entityProof: entityProof.subarray(1) }),
      'MALFORMED_MESSAGE',
    ],
    [
      'with the proof of another member',
      ({ entityRequest }) => ({ entityProof: ownProof(ANN, leaveServiceGroup.path, entityRequest) }),
      'PROOF_MAC',
    ],
    ['in the name of another member', () => ({ entity: ANN }), 'PROOF_MAC'],
    [
      'with a proof to join',
      ({ entityRequest }) => ({ entityProof: ownProof(BOB, joinServiceGroup.path, entityRequest) }),
      'PROOF_MAC',
    ],
    ['of another group than the entity said', (_own, other) => ({ groupId: other }), 'PROOF_MAC'],
    [
      'with another message of the entity',
      (_own, other) => ({ groupId: other, entityRequest: body(other) }),
      'PROOF_MAC',
    ],
    ['with what does not decode', () => ({ entityRequest: Buffer.of(0xff) }), 'MALFORMED_MESSAGE'],
    [
      'of 75 s ago',
      ({ entityRequest }) => {
        const timeMs = Date.now() - 75_000;
        return { entityProof: ownProof(BOB, leaveServiceGroup.path, entityRequest, { timeMs }) };
      },
      'PROOF_OUTSIDE_WINDOW',
    ],
  ])('%s is refused', async (_what, change, reason) => {
    const [groupId, other] = [await world.group(), await world.group()];
    const own = relayed('leave', groupId, BOB);
    expect(await reasonOfAsync(leave({ ...own, ...change(own, other) }))).toBe(reason);
    expect([await membersOf(groupId), await membersOf(other)]).toEqual([
      [ANN, BOB],
      [ANN, BOB],
    ]);
    await leave(own);
    expect(await membersOf(groupId)).toEqual([ANN]);
  });

  it('says what is missing, and whose certificate ended', async () => {
    const groupId = await world.group();
    const bare = { ...relayed('leave', groupId, BOB), entityProof: NOTHING };
    expect(await refusalOf(() => leave(bare))).toMatchObject({ metadata: { proof: 'entity' } });
    const gone = within(20_000, gatewayOf('pn1', 7));
    expect(await refusalOf(() => leave(relayed('leave', groupId, BOB), gone))).toMatchObject({
      reason: 'CERTIFICATE_REVOKED',
      metadata: { certificate: 'relay' },
    });
  });
});

describe('the order of an entity’s requests', () => {
  it('is that of its own times: no join that was held back follows a later leave', async () => {
    const groupId = await world.group();
    const heldBack = relayed('join', groupId, EVE);
    await join(relayed('join', groupId, EVE));
    await leave(relayed('leave', groupId, EVE));
    expect(await reasonOfAsync(join(heldBack))).toBe('REQUEST_OVERTAKEN');
    expect(await membersOf(groupId)).toEqual([ANN, BOB]);
  });

  it('also holds where nothing changed, for each entity and group by itself', async () => {
    const [groupId, other] = [await world.group(), await world.group()];
    const heldBack = { own: relayed('join', groupId, EVE), elsewhere: relayed('join', other, EVE) };
    await leave(relayed('leave', groupId, EVE));
    await leave(relayed('leave', groupId, BOB));
    expect(await reasonOfAsync(join(heldBack.own))).toBe('REQUEST_OVERTAKEN');
    await join(heldBack.elsewhere);
    expect([await membersOf(groupId), await membersOf(other)]).toEqual([[ANN], [ANN, BOB, EVE]]);
  });

  it('is not that of operators, who decide at any time', async () => {
    const groupId = await world.group();
    await leave(relayed('leave', groupId, BOB));
    await world.smf.add([BOB], within(), groupId);
    expect(await membersOf(groupId)).toEqual([ANN, BOB]);
  });
});
