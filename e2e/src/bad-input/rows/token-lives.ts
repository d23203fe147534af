/** Tokens whose life is over, and those that somebody younger has overtaken (protocol.md, "Admission", "Registration"). */
import type { AssignmentRequest } from '@cpns/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import { sealAssignment } from '../../support/drafts';
import { row, type Item, type Row } from '../row';
import type { World } from '../world';
import {
  draftFor,
  ENROLLING,
  FORWARDED,
  GATEWAY_ASSIGNS,
  GATEWAY_ASSIGNS_CERTIFICATE,
  RELAYED,
  type Stage,
} from './assignment-stage';

const CLAUSE = 'protocol, Admission';

interface Life {
  readonly world: World;
  readonly sent: AssignmentRequest;
  readonly later: AssignmentRequest;
}

/** A token whose life is over when it is used: the message is the accepted one to the letter, or one like it. */
function overRow(
  stage: Stage,
  spec: {
    readonly id: string;
    readonly item: Item;
    readonly reason: 'TOKEN_SPENT' | 'TOKEN_EXPIRED' | 'TOKEN_REVOKED';
    readonly lifetime?: number;
    /** What is sent at the end: the same message, or a new one under the same token. */
    readonly again: 'same message' | 'new message';
    /** Ends the token's life. */
    readonly end: (world: World, request: AssignmentRequest) => Promise<unknown>;
  },
): Row {
  const form = stage.forms[0] ?? 'secret';
  return row<Life & { end: () => Promise<unknown> }>({
    id: `${spec.id} (${stage.name})`,
    item: spec.item,
    clause: CLAUSE,
    at: stage.at,
    expect: { code: 'FAILED_PRECONDITION', reason: spec.reason },
    arrange: async (world) => {
      const { lifetime } = spec;
      const token = await stage.admit(world, { form, ...(lifetime === undefined ? {} : { lifetime }) });
      const sent = sealAssignment(draftFor(stage, world, token));
      const later = spec.again === 'same message' ? sent : sealAssignment(draftFor(stage, world, token));
      return { world, sent, later, end: () => spec.end(world, sent) };
    },
    good: async ({ world, sent, end }) => {
      await stage.send(world, sent);
      await end();
    },
    bad: ({ world, later }) => stage.send(world, later),
  });
}

/** Long enough to be used on a busy machine; all rows wait at the same time. */
const SHORT_MS = 5_000;
const outlive = () => sleep(SHORT_MS);
const nothing = () => Promise.resolve();
async function revoke(world: World, { entity, tokenId }: AssignmentRequest): Promise<void> {
  await world.deployment.operator.revokeAdmission(entity, tokenId);
  await world.delivered();
}

const over = (stage: Stage): Row[] => [
  overRow(stage, {
    id: 'another request under a token',
    item: 'a token that is used',
    reason: 'TOKEN_SPENT',
    again: 'new message',
    end: nothing,
  }),
  overRow(stage, {
    id: 'token that was revoked, its request repeated',
    item: 'a token that is revoked',
    reason: 'TOKEN_REVOKED',
    again: 'same message',
    end: revoke,
  }),
];

const expired = (stage: Stage): Row[] =>
  (['same message', 'new message'] as const).map((again) =>
    overRow(stage, {
      id: `token that has expired, ${again}`,
      item: 'a token that is expired',
      reason: 'TOKEN_EXPIRED',
      lifetime: SHORT_MS,
      again,
      end: outlive,
    }),
  );

/** A token that lay about: its entity has a younger key, or a gateway a younger identity, when it is used. */
const overLiveKey = (stage: Stage): Row =>
  row<{ readonly world: World; readonly young: AssignmentRequest; readonly old: AssignmentRequest }>({
    id: `older token than that of the live key (${stage.name})`,
    item: 'a registration over a live key',
    clause: 'protocol, Registration',
    at: stage.at,
    expect: { code: 'FAILED_PRECONDITION', reason: 'LIVE_KEY' },
    arrange: async (world) => {
      const form = stage.forms[0] ?? 'secret';
      const old = await stage.admit(world, { form });
      const young = await stage.admit(world, { form, entity: old.entity });
      return {
        world,
        old: sealAssignment(draftFor(stage, world, old)),
        young: sealAssignment(draftFor(stage, world, young)),
      };
    },
    good: ({ world, young }) => stage.send(world, young),
    bad: ({ world, old }) => stage.send(world, old),
  });

export const TOKEN_LIFE_ROWS: readonly Row[] = [
  ...[FORWARDED, RELAYED, ENROLLING].map(overLiveKey),
  ...[GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, FORWARDED, RELAYED, ENROLLING].flatMap(over),
];

/** Rows that wait until a token is over. */
export const EXPIRED_TOKEN_ROWS: readonly Row[] = [GATEWAY_ASSIGNS, RELAYED, ENROLLING].flatMap(expired);
