/**
 * A device of the SDK in this process, behind a gateway whose keys the suite holds: what it is given is the row's affair,
 * what it keeps is looked at as every other store is.
 */
import { pemToDers } from '@cpns/certificate-issuance';
import { type GroupKeyDelivery, checkStatement, statementMessage } from '@cpns/contracts';
import { CpnsError, GroupKey, type EntityUserKey } from '@cpns/core';
import { deriveGroupKeyCommitment, makeEnvelope, signStatement, type Statement } from '@cpns/group-key';
import { parseOneTimeString } from '@cpns/key-derivation';
import type { CredentialFiles } from '@cpns/testing';
import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalDevice } from '../../../support/local-device';
import { ServedGateway } from '../../../support/served-gateway';
import { Refusal } from '../../../support/wire';
import type { World } from '../../world';
import { inTurn } from './channel-stage';

const WATCH_MS = 10_000;
const POLL_MS = 5;

/** What devices call. */
const served = (world: World): Promise<ServedGateway> =>
  world.once('served gateway', async () => {
    const gateway = await ServedGateway.start(world.deployment, world.probe);
    world.onStop(() => gateway.stop());
    return gateway;
  });

export interface OwnDevice {
  readonly entity: string;
  readonly local: LocalDevice;
  /** S */
  readonly secret: EntityUserKey;
  readonly keyId: string;
}

/** By number, so that rows may share them; its store is watched from then on. */
export const device = (world: World, number = 1): Promise<OwnDevice> =>
  world.once(`device ${number}`, async () => {
    const { address } = await served(world);
    const entity = world.entity();
    const local = await LocalDevice.create(join(world.deployment.directory, `own-device-${number}`), address);
    world.onStop(() => local.close());
    const peer = { uri: world.probe.uri, address };
    const { oneTimeString } = await world.deployment.operator.admit({ entity, form: 'secret', peer });
    await local.device.assign(parseOneTimeString(oneTimeString));
    await local.device.register();
    const { live } = await local.read();
    if (live === undefined) throw new Error('the device has no live key');
    world.stores.add(`device ${number}`, local.store);
    return { entity, local, secret: live.secret, keyId: live.keyId };
  });

/** What becomes of a delivery on its way. */
export type Alter = (delivery: GroupKeyDelivery) => GroupKeyDelivery | Promise<GroupKeyDelivery>;

/** What the SDK refuses, as every other refusal. @throws Refusal */
export async function judged<T>(act: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof CpnsError)) throw error;
    throw new Refusal(error.code, error.reason, error.metadata, error.message, Date.now() - startedAt);
  }
}

/** A device in a group. */
export class Recipient {
  constructor(
    readonly world: World,
    readonly own: OwnDevice,
    readonly groupId: string,
  ) {}

  get groups() {
    return this.own.local.device.groups;
  }

  /** What the Server would have an honest gateway give it. */
  async honest(version = 0n): Promise<GroupKeyDelivery> {
    return (await served(this.world)).honest(this.groupId, this.own.entity, version);
  }

  pull(version?: bigint): Promise<unknown> {
    return judged(() => this.groups.pull(this.groupId, version));
  }

  /** Pulls, and is answered with what is made of the honest answer. @throws Refusal */
  async pullThrough(alter: Alter, version?: bigint): Promise<unknown> {
    const { tampers } = await served(this.world);
    const { entity } = this.own;
    return inTurn(this.world, `answers to ${entity}`, async () => {
      tampers.set(entity, async (honest) => alter(await honest()));
      try {
        return await this.pull(version);
      } finally {
        tampers.delete(entity);
      }
    });
  }

  seal(text: string): Promise<Buffer> {
    return judged(() => this.groups.seal(this.groupId, Buffer.from(text)));
  }

  open(message: Buffer): Promise<unknown> {
    return judged(() => this.groups.open(message));
  }

  /** Is pushed a delivery. @throws Refusal what it is refused with */
  async pushed(delivery: GroupKeyDelivery): Promise<unknown> {
    const gateway = await served(this.world);
    const over = new AbortController();
    let watching: Promise<void> | undefined;
    try {
      return await judged(
        () =>
          new Promise<unknown>((resolve, reject) => {
            watching = this.groups.watch({ signal: over.signal, onDelivery: resolve, onRefused: reject });
            watching.catch(reject);
            this.#watches(gateway)
              .then(() => gateway.push(this.own.entity, delivery))
              .catch(reject);
          }),
      );
    } finally {
      over.abort();
      await watching;
      // the gateway learns of it a moment later
      while (gateway.isWatchedBy(this.own.entity)) await sleep(POLL_MS);
    }
  }

  async #watches(gateway: ServedGateway): Promise<void> {
    const until = Date.now() + WATCH_MS;
    while (!gateway.isWatchedBy(this.own.entity)) {
      if (Date.now() > until) throw new Error('the device does not watch');
      await sleep(POLL_MS);
    }
  }
}

/** Whoever signs. */
export interface Signer {
  readonly privateKey: KeyObject;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
}

const SERVER_KEYS = new WeakMap<World, Signer>();

export const signerOf = ({ chain, key }: CredentialFiles): Signer => ({
  privateKey: createPrivateKey(readFileSync(key)),
  chain: pemToDers(readFileSync(chain, 'utf8')),
});

/** The CPNS Server's own key, out of its file: it signs whatever a row needs. */
export function serverOf(world: World): Signer {
  const known = SERVER_KEYS.get(world) ?? signerOf(world.deployment.pki.services['cpns-server']);
  SERVER_KEYS.set(world, known);
  return known;
}

export const statementOf = (delivery: GroupKeyDelivery): Statement => checkStatement(delivery.statement).statement;

export const stated = (statement: Statement, { privateKey, chain }: Signer) =>
  statementMessage({ statement, signature: signStatement(privateKey, statement), chain });

/** The delivery with another statement, which the Server signed. */
export const restated = (
  world: World,
  delivery: GroupKeyDelivery,
  change: Partial<Statement>,
  signer = serverOf(world),
): GroupKeyDelivery => ({ ...delivery, statement: stated({ ...statementOf(delivery), ...change }, signer) });

/** What the next version would be, all of it right: a Group Key, its statement by the Server, the member's envelope. */
export interface Next {
  readonly groupKey: GroupKey;
  readonly statement: Statement;
  readonly terms: { readonly groupId: string; readonly version: bigint; readonly entity: string };
}

export function nextOf({ own: { entity }, groupId }: Recipient, delivery: GroupKeyDelivery): Next {
  const before = statementOf(delivery);
  const version = before.version + 1n;
  const groupKey = new GroupKey(randomBytes(32));
  const commitment = deriveGroupKeyCommitment(groupKey, groupId, version);
  return {
    groupKey,
    statement: { ...before, version, previous: before.version, commitment },
    terms: { groupId, version, entity },
  };
}

/** A delivery of what would be next, with one thing in it as a row wants it. */
export function deliveryOf(
  recipient: Recipient,
  { groupKey, statement, terms }: Next,
  parts: { readonly signer?: Signer; readonly own?: Buffer; readonly statement?: Partial<Statement> } = {},
): GroupKeyDelivery {
  const { secret, keyId } = recipient.own;
  return {
    statement: stated({ ...statement, ...parts.statement }, parts.signer ?? serverOf(recipient.world)),
    own: parts.own ?? makeEnvelope(secret, keyId, terms, groupKey),
    shared: Buffer.alloc(0),
  };
}
