import { CpnsError } from '@cpns/core';
import { at, type Records, type Aggregate } from '@cpns/store';
import type { GroupStates } from '../group-key/group-state';
import { SealedGroupStates } from '../group-key/sealed-group-states';
import { decodeExchange, deviceAggregate, encodeExchange, EXCHANGE, HEAD, IDENTITY, LIVE_KEY } from './device-records';
import { NEW_DEVICE, type DeviceContent, type DeviceState, type DeviceStates } from './device-state';

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

/** Takes the serial off again; a record of another change was put back by somebody. */
function ofSerial<T extends { readonly serial: number }>(record: T, serial: number): Omit<T, 'serial'> {
  const { serial: own, ...content } = record;
  if (own !== serial)
    throw new CpnsError('STORED_RECORD_INVALID', 'the stored state of this device is mixed from different times');
  return content;
}
