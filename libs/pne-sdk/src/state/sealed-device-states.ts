/**
 * A device's state as sealed records, all in one aggregate, so that an exchange ends and its key begins in one commit.
 * Records are flat, since secrets are sealed field by field; what the state has in groups is grouped again here.
 */
import { CpnsError, EntityUserKey, HpkePrivateKey, PrivateKeyDer, SecondSeed, TokenAuthKey } from '@cpns/core';
import type { AdmittedRole } from '@cpns/entity-user-key';
import type { KeyForm } from '@cpns/key-derivation';
import {
  type Aggregate,
  at,
  defineRecord,
  jsonField,
  optional,
  type Records,
  secretField,
  type ValueIn,
} from '@cpns/store';
import type { GroupStates } from '../group-key/group-state';
import { SealedGroupStates } from '../group-key/sealed-group-states';
import type { Admitted } from '../protocol/admitted';
import type { Assigned } from '../protocol/assignment';
import type { PendingRegistration } from '../protocol/registration';
import { type DeviceContent, type DeviceState, type DeviceStates, type Exchange, NEW_DEVICE } from './device-state';

/** @param name 1 to 512 characters: which device, where a store holds several */
export const deviceAggregate = (name: string): Aggregate => ({ kind: 'device', id: name });

const text = () => jsonField<string>();
const time = () => jsonField<number>();
const bytes = () => jsonField<Buffer>();
const chain = () => jsonField<readonly Buffer[]>();
/** On each record: records of different changes are never taken together. */
const serial = () => jsonField<number>();

/** There from the first change on. */
export const HEAD = defineRecord('head', { serial: serial() });

export const LIVE_KEY = defineRecord('key', {
  serial: serial(),
  entity: text(),
  user: text(),
  gateway: text(),
  endpoint: text(),
  root: bytes(),
  form: jsonField<KeyForm>(),
  tokenId: text(),
  assigner: text(),
  secret: secretField(EntityUserKey),
  keyId: text(),
  notAfter: optional(time()),
  chain: optional(chain()),
  privateKey: optional(secretField(PrivateKeyDer)),
  certificatePort: optional(jsonField<number>()),
});

export const IDENTITY = defineRecord('identity', {
  serial: serial(),
  entity: text(),
  tokenId: text(),
  notAfter: time(),
  chain: chain(),
  privateKey: secretField(PrivateKeyDer),
  root: bytes(),
});

/** An {@link Exchange}, flat. Which fields are there follows from its stage and the form of the admission. */
const EXCHANGE = defineRecord('exchange', {
  serial: serial(),
  stage: jsonField<Exchange['stage']>(),
  tokenId: text(),
  entity: text(),
  user: text(),
  form: jsonField<KeyForm>(),
  role: jsonField<AdmittedRole>(),
  peer: text(),
  endpoint: text(),
  root: bytes(),
  authKey: optional(secretField(TokenAuthKey)),
  request: optional(bytes()),
  assigner: optional(text()),
  notAfter: optional(time()),
  secret: optional(secretField(EntityUserKey)),
  firstSeedId: optional(text()),
  secondSeed: optional(secretField(SecondSeed)),
  chain: optional(chain()),
  privateKey: optional(secretField(PrivateKeyDer)),
  hpkeKey: optional(secretField(HpkePrivateKey)),
  nonce: optional(bytes()),
  signature: optional(bytes()),
});

type ExchangeRecord = Omit<ValueIn<typeof EXCHANGE>, 'serial'>;

export function encodeExchange(exchange: Exchange): ExchangeRecord {
  const { stage } = exchange;
  if (stage === 'assigning') {
    const { admitted, ...pending } = exchange.pending;
    return { ...admitted, stage, ...pending };
  }
  const known = { ...exchange.admitted, stage, ...flatAssigned(exchange.assigned) };
  return stage === 'assigned' ? known : { ...known, ...exchange.pending };
}

function flatAssigned(assigned: Assigned): Omit<Assigned, 'seed'> & Partial<ExchangeRecord> {
  if (assigned.form === 'key-pair') return assigned;
  const { seed, ...others } = assigned;
  return { ...others, ...seed };
}

/** @throws CpnsError STORED_RECORD_INVALID when a field is not there that the stage needs */
export function decodeExchange(record: ExchangeRecord): Exchange {
  const { tokenId, entity, user, form, role, peer, endpoint, root, stage } = record;
  const admitted: Admitted = { tokenId, entity, user, form, role, peer, endpoint, root };
  switch (stage) {
    case 'assigning': {
      const { hpkeKey, privateKey } = record;
      const [authKey, request] = [there(record.authKey, 'authKey'), there(record.request, 'request')];
      const keys = { ...(hpkeKey && { hpkeKey }), ...(privateKey && { privateKey }) };
      return { stage, pending: { admitted, authKey, request, ...keys } };
    }
    case 'assigned':
      return { stage, admitted, assigned: readAssigned(form, record) };
    case 'registering':
      return { stage, admitted, assigned: readAssigned(form, record), pending: readPending(form, record) };
  }
}

function readAssigned(form: KeyForm, record: ExchangeRecord): Assigned {
  const assigner = there(record.assigner, 'assigner');
  const notAfter = there(record.notAfter, 'notAfter');
  const { firstSeedId, secondSeed, privateKey } = record;
  if (form === 'key-pair')
    return { form, assigner, notAfter, chain: there(record.chain, 'chain'), ...(privateKey && { privateKey }) };
  const secret = there(record.secret, 'secret');
  if (secondSeed === undefined) return { form, assigner, notAfter, secret };
  return { form, assigner, notAfter, secret, seed: { firstSeedId: there(firstSeedId, 'firstSeedId'), secondSeed } };
}

function readPending(form: KeyForm, record: ExchangeRecord): PendingRegistration {
  if (form === 'secret') return { form, nonce: there(record.nonce, 'nonce') };
  return { form, hpkeKey: there(record.hpkeKey, 'hpkeKey'), signature: there(record.signature, 'signature') };
}

function there<T>(value: T | undefined, name: string): T {
  if (value === undefined)
    throw new CpnsError('STORED_RECORD_INVALID', `the stored state of this device lacks ${name}`, {
      metadata: { field: name },
    });
  return value;
}

const WANTED = { head: at(HEAD), exchange: at(EXCHANGE), live: at(LIVE_KEY), identity: at(IDENTITY) } as const;

/** A device's state in a store of its own, sealed under the device's master key. */
export class SealedDeviceStates implements DeviceStates {
  readonly groups: GroupStates;
  readonly #records: Records;
  readonly #aggregate: Aggregate;

  /** @param name which device, where a store holds several: a PN GW may be a target entity as well */
  constructor(records: Records, name = 'self') {
    this.#records = records;
    this.#aggregate = deviceAggregate(name);
    this.groups = new SealedGroupStates(records, this.#aggregate);
  }

  /** @throws CpnsError STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  async read(): Promise<DeviceState> {
    const { head, exchange, live, identity } = await this.#records.read(this.#aggregate, WANTED);
    if (head === undefined) return NEW_DEVICE;
    const { serial } = head;
    const state: DeviceState = {
      serial,
      ...(exchange && { exchange: decodeExchange(ofSerial(exchange, serial)) }),
      ...(live && { live: ofSerial(live, serial) }),
      ...(identity && { identity: ofSerial(identity, serial) }),
    };
    return state;
  }

  /** @throws CpnsError CONFLICT, STORED_RECORD_INVALID, DEPENDENCY_UNAVAILABLE */
  replace(before: DeviceState, next: DeviceContent): Promise<DeviceState> {
    const { exchange, live, identity } = next;
    const serial = before.serial + 1;
    const after: DeviceState = {
      serial,
      ...(exchange && { exchange }),
      ...(live && { live }),
      ...(identity && { identity }),
    };
    return this.#records.transact(this.#aggregate, WANTED, ({ head }) => {
      if ((head?.serial ?? NEW_DEVICE.serial) !== before.serial)
        throw new CpnsError('CONFLICT', 'another process works on the same device: let one of them finish');
      return {
        result: after,
        put: {
          head: { serial },
          exchange: exchange ? { ...encodeExchange(exchange), serial } : null,
          live: live ? { ...live, serial } : null,
          identity: identity ? { ...identity, serial } : null,
        },
      };
    });
  }
}

/** Takes the serial off again; a record of another change was put back from outside. */
function ofSerial<T extends { readonly serial: number }>(record: T, serial: number): Omit<T, 'serial'> {
  const { serial: own, ...content } = record;
  if (own !== serial)
    throw new CpnsError('STORED_RECORD_INVALID', 'the stored state of this device is mixed from different times');
  return content;
}
