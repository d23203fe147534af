/** Which runs of which flows the plan leads to. */
import { FLOWS, type FlowId } from '@cpns/telemetry';
import type { DueRun } from './due-run';
import { isForGateway, isForGroup, isProvisioning } from './parts';
import {
  deviceUri,
  gatewayOf,
  gatewayUri,
  GATEWAYS,
  type Assignment,
  type Plan,
  type PlannedDevice,
  type PlannedGroup,
} from './plan';

const stepsOf = (flow: FlowId, which: (flow: FlowId, step: number) => boolean): number[] =>
  FLOWS[flow].map(({ step }) => step).filter((step) => which(flow, step));

const forDevice = (planned: PlannedDevice): Pick<DueRun, 'kind' | 'entity' | 'id' | 'gateway'> => ({
  kind: planned.type === 'pne' ? 'PNE' : 'target PN GW',
  entity: deviceUri(planned),
  id: planned.id,
  gateway: gatewayUri(gatewayOf(planned.pn)),
});

function flowsOf({ by, form }: Assignment): FlowId[] {
  const letter = form === 'secret' ? 'S' : 'P';
  if (by === 'import') return [];
  if (by === 'gateway') return [`EUK-GW-${letter}`, 'EUK-GW-VERIFY'];
  // a secret that the Server made needs no first contact: the Server knows it
  return form === 'secret' ? ['EUK-SRV-S'] : ['EUK-SRV-P', 'EUK-GW-VERIFY'];
}

/** What each gateway does once, as it starts. */
export const provisioningRuns = (): DueRun[] =>
  GATEWAYS.flatMap((gateway) =>
    (['EUK-GW-S', 'EUK-GW-P'] as const).map((flow): DueRun => {
      const uri = gatewayUri(gateway);
      return { flow, steps: stepsOf(flow, isProvisioning), kind: 'PN GW', entity: uri, id: gateway.id, gateway: uri };
    }),
  );

/** What leads devices to their keys. */
export const keyRuns = ({ devices }: Plan): DueRun[] =>
  devices.flatMap((planned) =>
    flowsOf(planned.assignment).map((flow): DueRun => ({
      flow,
      steps: stepsOf(flow, (of, step) => !isProvisioning(of, step)),
      ...forDevice(planned),
    })),
  );

/**
 * What the demo does with a group, one after the other: a change, then the new key to everybody who is to have it, then a
 * message that they open and others do not. By time a key is renewed ahead of its use, which only a group that pulls can have.
 */
export const SCENES = [
  'created',
  'first key',
  'first message',
  'left',
  'key without the leaver',
  'message without the leaver',
  'joined',
  'key with the joiner',
  'message with the joiner',
  'renewed by hand',
  'key by hand',
  'message by hand',
  'renewed by time',
  'key by time',
  'message by time',
  'put out',
  'key without the one put out',
  'message without the one put out',
  'deleted',
  'after the end',
] as const;
export type Scene = (typeof SCENES)[number];

export const sceneOf = ({ id }: Pick<PlannedGroup, 'id'>, scene: Scene): string => `${id}: ${scene}`;

/** Who has to have the newest key in a scene. */
export const membersIn = (group: PlannedGroup, scene: Scene): readonly PlannedDevice[] => {
  const { members, leaver, joiner, putOut } = group;
  const isFrom = (begin: Scene) => SCENES.indexOf(scene) >= SCENES.indexOf(begin);
  const gone = [...(isFrom('left') ? [leaver] : []), ...(isFrom('put out') ? [putOut] : [])];
  return [...members, ...(isFrom('joined') ? [joiner] : [])].filter((member) => !gone.includes(member));
};

/** Whether the demo has a scene with the group. */
export const hasScene = ({ delivery }: PlannedGroup, scene: Scene): boolean =>
  delivery === 'pull' || !['renewed by time', 'key by time', 'message by time'].includes(scene);

/** The flow of a scene that goes through the SMF. */
const FLOW_OF = {
  created: { pull: 'FLOW-PULL', push: 'FLOW-PUSH' },
  left: { pull: 'GK-UPDATE-M', push: 'GK-UPDATE-M' },
  joined: { pull: 'GK-UPDATE-M', push: 'GK-UPDATE-M' },
  'renewed by hand': { pull: 'GK-UPDATE-T', push: 'GK-UPDATE-T' },
  'renewed by time': { pull: 'GK-UPDATE-T', push: 'GK-UPDATE-T' },
  'put out': { pull: 'GK-UPDATE-M', push: 'GK-UPDATE-M' },
  deleted: { pull: 'GK-DELETE', push: 'GK-DELETE' },
} as const satisfies Partial<Record<Scene, unknown>>;

/** Where a group pulls, an update ends with the notice: members ask when they need the key. */
const PUSH_STEP = 8;

/** Whether gateways and members are told at once: where the group pushes, and everywhere that older keys open no more. */
const isTold = ({ delivery }: PlannedGroup, scene: Scene): boolean =>
  delivery === 'push' || scene === 'put out' || scene === 'deleted';

/**
 * Where a group pushes, the mover asks for it itself, with its own proof; else an operator does it. He also ends the right of
 * the one put out.
 */
function askedRuns(group: PlannedGroup, scene: keyof typeof FLOW_OF): DueRun[] {
  if (scene === 'put out') {
    const steps = stepsOf('EUK-REVOKE', () => true);
    return [{ flow: 'EUK-REVOKE', scene: sceneOf(group, scene), steps, ...forDevice(group.putOut) }];
  }
  const mover = scene === 'left' ? group.leaver : group.joiner;
  if (group.delivery !== 'push' || (scene !== 'left' && scene !== 'joined')) return [];
  const steps = stepsOf('SMF-GW', () => true);
  return [{ flow: 'SMF-GW', scene: sceneOf(group, scene), steps, ...forDevice(mover) }];
}

function changeRuns(group: PlannedGroup, scene: keyof typeof FLOW_OF): DueRun[] {
  const flow = FLOW_OF[scene][group.delivery];
  const common = { flow, scene: sceneOf(group, scene) };
  const isWhole = isTold(group, scene) || scene === 'created';
  const steps = stepsOf(flow, isForGateway).filter((step) => isWhole || step < PUSH_STEP);
  const once: DueRun = {
    ...common,
    steps: stepsOf(flow, isForGroup),
    kind: 'Service Group',
    entity: group.id,
    id: group.id,
    gateway: '',
  };
  const perGateway = GATEWAYS.map((gateway): DueRun => {
    const uri = gatewayUri(gateway);
    return { ...common, steps, kind: 'PN GW', entity: uri, id: gateway.id, gateway: uri };
  });
  // every device watches: it gets at once what is pushed, in the same course of events
  const pushed = isTold(group, scene) ? membersIn(group, scene) : [];
  const perMember = pushed.map((member): DueRun => ({ ...common, flow: 'GK-PUSH', steps: [1], ...forDevice(member) }));
  return [once, ...perGateway, ...perMember, ...askedRuns(group, scene)];
}

/**
 * A gateway holds the envelopes of a new group (FLOW-PULL step 10), and gives one to the holder of the live key that it is
 * wrapped for. What comes later it gets when a member asks.
 */
const pullSteps = (scene: Scene): readonly number[] => (scene === 'first key' ? [1, 2, 5] : [1, 2, 3, 4, 5]);

/** A pull that is refused begins in the PNE; neither PN GW nor Server accepts it. */
const REFUSED_STEPS = [1];

/** Who tries in a scene to get what is not for him, and how often he asks for a key. */
export function strangersIn(group: PlannedGroup, scene: Scene): readonly { who: PlannedDevice; asks: number }[] {
  const { delivery, leaver, joiner, putOut, members } = group;
  // for each message and by itself; but one that left knows without asking that no message is for it any more
  const left = { who: leaver, asks: delivery === 'pull' ? 2 : 1 };
  if (scene === 'message without the leaver') return [left];
  // two messages from before it joined
  if (scene === 'message with the joiner') return [left, { who: joiner, asks: 4 }];
  if (scene === 'message without the one put out') return [{ who: putOut, asks: 2 }];
  return scene === 'after the end' ? members.slice(0, 1).map((who) => ({ who, asks: 1 })) : [];
}

const refusedRuns = (group: PlannedGroup, scene: Scene): DueRun[] =>
  strangersIn(group, scene).flatMap(({ who, asks }) =>
    Array.from({ length: asks }, (): DueRun => ({
      flow: 'GK-PULL',
      scene: sceneOf(group, scene),
      steps: REFUSED_STEPS,
      ...forDevice(who),
    })),
  );

function pullRuns(group: PlannedGroup, scene: Scene): DueRun[] {
  const common = { flow: 'GK-PULL', scene: sceneOf(group, scene) } as const;
  const steps = pullSteps(scene);
  return membersIn(group, scene).map((member): DueRun => ({ ...common, steps, ...forDevice(member) }));
}

/** The scenes in which members ask for a key where their group pulls. */
const KEY_SCENES: readonly Scene[] = [
  'first key',
  'key without the leaver',
  'key with the joiner',
  'key by hand',
  'key by time',
  'key without the one put out',
];

const CHANGES = Object.keys(FLOW_OF) as readonly (keyof typeof FLOW_OF)[];

/** Every run that a group leads to. */
function runsOf(group: PlannedGroup): DueRun[] {
  const changes = CHANGES.filter((scene) => hasScene(group, scene)).map((scene) => changeRuns(group, scene));
  const pulls = group.delivery === 'pull' ? KEY_SCENES.map((scene) => pullRuns(group, scene)) : [];
  const refused = SCENES.map((scene) => refusedRuns(group, scene));
  return [...changes.flat(), ...pulls.flat(), ...refused.flat()];
}

export const groupRuns = ({ groups }: Plan): DueRun[] => groups.flatMap(runsOf);
