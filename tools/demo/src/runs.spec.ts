import { FLOWS, FLOW_IDS } from '@cpns/telemetry';
import { partiesOf } from './parties';
import { isForGateway, isForGroup, isProvisioning } from './parts';
import { makePlan } from './plan';
import { groupRuns, keyRuns, membersIn, provisioningRuns, SCENES, sceneOf, strangersIn } from './runs';
import type { DueRun } from './due-run';

const plan = makePlan();
const all = [...provisioningRuns(), ...keyRuns(plan), ...groupRuns(plan)];
const flowsOfKeys = FLOW_IDS.filter((flow) => flow.startsWith('EUK'));
const short = ({ flow, id, steps }: DueRun) => `${flow} ${id} ${steps.join(' ')}`;

describe('the runs of keys', () => {
  it.each(['PNE', 'target PN GW'] as const)('have every step of every flow of B.1 for a %s', (kind) => {
    for (const flow of flowsOfKeys)
      for (const { step } of FLOWS[flow]) {
        const wanted = isProvisioning(flow, step) ? 'PN GW' : kind;
        const runs = all.filter((run) => run.flow === flow && run.kind === wanted && run.steps.includes(step));
        expect({ flow, step, runs: runs.length > 0 }).toEqual({ flow, step, runs: true });
      }
  });

  it('verify a secret and a certificate of a gateway for both kinds, and a key is imported', () => {
    const forms = keyRuns(plan)
      .filter(({ flow }) => flow === 'EUK-GW-VERIFY')
      .map(({ kind, id }) => {
        const { assignment } = plan.devices.find((device) => device.id === id) ?? {};
        return `${kind} ${assignment?.by} ${assignment?.form}`;
      });
    for (const kind of ['PNE', 'target PN GW'])
      for (const form of ['secret', 'key-pair']) expect(forms).toContain(`${kind} gateway ${form}`);
    expect(plan.devices.some(({ assignment }) => assignment.by === 'import')).toBe(true);
  });

  it('provision each gateway once per form', () => {
    const expected = ['EUK-GW-P gw1', 'EUK-GW-P gw2', 'EUK-GW-S gw1', 'EUK-GW-S gw2'].map((run) => `${run} 1 2 3`);
    expect(provisioningRuns().map(short).sort()).toEqual(expected);
  });
});

describe('the runs of groups', () => {
  const [family, alarm] = plan.groups;
  if (family === undefined || alarm === undefined) throw new Error('the plan has two groups');
  const inScene = (group: typeof family, scene: (typeof SCENES)[number]) =>
    groupRuns(plan)
      .filter((run) => run.scene === sceneOf(group, scene))
      .map(short)
      .sort();

  it('have every step of every flow of B.2: once for the group, and per gateway what comes after', () => {
    for (const flow of FLOW_IDS.filter((id) => !id.startsWith('EUK')))
      for (const { step } of FLOWS[flow]) {
        const runs = groupRuns(plan).filter((run) => run.flow === flow && run.steps.includes(step));
        const kinds = [...new Set(runs.map(({ kind }) => kind))];
        const wanted = isForGroup(flow, step) ? ['Service Group'] : isForGateway(flow, step) ? ['PN GW'] : undefined;
        expect({ flow, step, some: runs.length > 0 }).toEqual({ flow, step, some: true });
        if (wanted !== undefined) expect({ flow, step, kinds }).toEqual({ flow, step, kinds: wanted });
      }
  });

  it('count the change of a pull group to the notice, and of a push group to the push and the members', () => {
    expect(inScene(family, 'created')).toEqual([
      'FLOW-PULL family 1 2 3 4 5 6',
      'FLOW-PULL gw1 7 8 9 10 11',
      'FLOW-PULL gw2 7 8 9 10 11',
    ]);
    const left = ['family 1 2 3 4 5 6', 'gw1 7', 'gw2 7'].map((run) => `GK-UPDATE-M ${run}`);
    expect(inScene(family, 'left')).toEqual(left);
    expect(inScene(alarm, 'joined')).toEqual([
      ...['car-1', 'car-2', 'hub-1', 'phone-2', 'sensor-2'].map((id) => `GK-PUSH ${id} 1`),
      'GK-UPDATE-M alarm 1 2 3 4 5 6',
      'GK-UPDATE-M gw1 7 8',
      'GK-UPDATE-M gw2 7 8',
      `SMF-GW ${alarm.joiner.id} 1 2 3 4 5 6`,
    ]);
    for (const group of plan.groups)
      expect(inScene(group, 'deleted').filter((run) => run.startsWith('GK-PUSH'))).toEqual(
        membersIn(group, 'deleted')
          .map(({ id }) => `GK-PUSH ${id} 1`)
          .sort(),
      );
    for (const group of plan.groups)
      expect(inScene(group, 'deleted')).toEqual(expect.arrayContaining(['GK-DELETE gw1 7 8', 'GK-DELETE gw2 7 8']));
  });

  it('renew a key by hand in every group, and by time where it can be given out ahead', () => {
    const renewed = ['1 2 3 4 5 6', '7', '7'];
    for (const scene of ['renewed by hand', 'renewed by time'] as const)
      expect(inScene(family, scene)).toEqual(
        ['family', 'gw1', 'gw2'].map((id, index) => `GK-UPDATE-T ${id} ${renewed[index]}`),
      );
    expect(inScene(alarm, 'renewed by time')).toEqual([]);
    expect(inScene(alarm, 'renewed by hand')).toEqual(
      expect.arrayContaining(['GK-UPDATE-T alarm 1 2 3 4 5 6', 'GK-UPDATE-T gw1 7 8', 'GK-PUSH sensor-2 1']),
    );
  });

  it('tell everybody at once that one was put out, also where the group pulls', () => {
    for (const group of plan.groups) {
      expect(membersIn(group, 'put out')).not.toContain(group.putOut);
      expect(inScene(group, 'put out')).toEqual(
        [
          ...membersIn(group, 'put out').map(({ id }) => `GK-PUSH ${id} 1`),
          `EUK-REVOKE ${group.putOut.id} 1 2 3 4`,
          `GK-UPDATE-M ${group.id} 1 2 3 4 5 6`,
          'GK-UPDATE-M gw1 7 8',
          'GK-UPDATE-M gw2 7 8',
        ].sort(),
      );
    }
  });

  it('let the Server be asked, except by a gateway that holds the envelope', () => {
    expect(inScene(family, 'first key')).toEqual([
      'GK-PULL camera-1 1 2 5',
      'GK-PULL hub-2 1 2 5',
      'GK-PULL phone-1 1 2 5',
      'GK-PULL phone-2 1 2 5',
      'GK-PULL watch-2 1 2 5',
    ]);
    expect(inScene(family, 'key with the joiner')).toEqual(
      ['camera-1', 'hub-1', 'hub-2', 'phone-1', 'phone-2'].map((id) => `GK-PULL ${id} 1 2 3 4 5`),
    );
  });

  it('let who is no member come no further than to ask', () => {
    for (const group of plan.groups)
      for (const scene of SCENES)
        for (const { who, asks } of strangersIn(group, scene)) {
          const isMember = membersIn(group, scene).includes(who);
          // who has just joined asks for what was before; when the group has ended it is over for all
          expect(isMember).toBe(who === group.joiner || scene === 'after the end');
          expect(inScene(group, scene).filter((run) => run === `GK-PULL ${who.id} 1`)).toHaveLength(asks);
        }
  });

  it('know the parties of every step', () => {
    for (const flow of FLOW_IDS)
      for (const { step, kind } of FLOWS[flow]) {
        const [from, to] = partiesOf(flow, step);
        expect({ flow, step, internal: from === to }).toEqual({ flow, step, internal: kind === 'internal' });
      }
    expect(() => partiesOf('EUK-SRV-S', 6)).toThrow(RangeError);
  });
});
