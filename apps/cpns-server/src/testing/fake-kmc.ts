import type { KeyVersion } from '@cpns/contracts';
import { CpnsError, SECRET_BYTES } from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import type { KmcMethods } from '../osg/osg';

interface Key {
  readonly versions: Map<bigint, { readonly requestId: Buffer; material: Buffer | undefined }>;
  newest: bigint;
  ended: boolean;
}

export type KmcCall = 'createKey' | 'createKeyVersion' | 'getKeyVersion' | 'destroyKeyVersion' | 'destroyKey';

/** A KMC in memory that keeps the contract of kmc_service.proto, and breaks off when it is told to. */
export class FakeKmc implements KmcMethods {
  readonly #keys = new Map<string, Key>();
  readonly #random = new SeededRandom('kmc');
  /** Every call, in order, with what it was about. */
  readonly calls: string[] = [];
  #broken: { readonly call: KmcCall; readonly when: 'before' | 'after'; readonly error: CpnsError } | undefined;

  /** The next call of that kind fails: before anything is done, or when all is done and the answer is lost. */
  breakNext(call: KmcCall, when: 'before' | 'after', error = away()): void {
    this.#broken = { call, when, error };
  }

  /** Material of a version, or undefined when it was destroyed or never made. */
  material(groupId: string, version: bigint): Buffer | undefined {
    return this.#keys.get(groupId)?.versions.get(version)?.material;
  }

  /** How many versions a group was ever given. */
  made(groupId: string): bigint {
    return this.#keys.get(groupId)?.newest ?? 0n;
  }

  createKey: KmcMethods['createKey'] = ({ groupId, requestId }) =>
    this.#answer('createKey', groupId, () => {
      const key = this.#keys.get(groupId);
      if (key === undefined) this.#keys.set(groupId, { versions: new Map(), newest: 0n, ended: false });
      else if (key.ended || key.versions.get(1n)?.requestId.equals(requestId) !== true)
        throw new CpnsError('ALREADY_EXISTS', 'the group has a key');
      return { version: this.#make(groupId, 1n, requestId) };
    });

  createKeyVersion: KmcMethods['createKeyVersion'] = ({ groupId, previous, requestId }) =>
    this.#answer('createKeyVersion', groupId, () => {
      const key = this.#live(groupId);
      const same = key.versions.get(previous + 1n)?.requestId.equals(requestId) === true;
      if (!same && key.newest !== previous) throw new CpnsError('CONFLICT', 'another version is the newest');
      return { version: this.#make(groupId, previous + 1n, requestId) };
    });

  getKeyVersion: KmcMethods['getKeyVersion'] = ({ groupId, version }) =>
    this.#answer('getKeyVersion', `${groupId}/${version}`, () => {
      const material = this.#live(groupId).versions.get(version)?.material;
      if (material === undefined) throw new CpnsError('NOT_FOUND', 'no such version');
      return { version: { groupId, version, groupKey: Buffer.from(material) } };
    });

  destroyKeyVersion: KmcMethods['destroyKeyVersion'] = ({ groupId, version }) =>
    this.#answer('destroyKeyVersion', `${groupId}/${version}`, () => {
      const found = this.#live(groupId).versions.get(version);
      if (found === undefined) throw new CpnsError('NOT_FOUND', 'no such version');
      found.material = undefined;
      return {};
    });

  destroyKey: KmcMethods['destroyKey'] = ({ groupId }) =>
    this.#answer('destroyKey', groupId, () => {
      const key = this.#keys.get(groupId);
      if (key === undefined) throw new CpnsError('NOT_FOUND', 'no such key');
      key.ended = true;
      for (const version of key.versions.values()) version.material = undefined;
      return {};
    });

  #live(groupId: string): Key {
    const key = this.#keys.get(groupId);
    if (key === undefined || key.ended) throw new CpnsError('NOT_FOUND', 'no such key');
    return key;
  }

  #make(groupId: string, version: bigint, requestId: Buffer): KeyVersion {
    const key = this.#live(groupId);
    const found = key.versions.get(version) ?? { requestId, material: this.#random.bytes(SECRET_BYTES) };
    key.versions.set(version, found);
    key.newest = version > key.newest ? version : key.newest;
    if (found.material === undefined) throw new CpnsError('NOT_FOUND', 'it was destroyed');
    // a copy, as over the wire: its receiver wipes it
    return { groupId, version, groupKey: Buffer.from(found.material) };
  }

  async #answer<T>(call: KmcCall, about: string, work: () => T): Promise<T> {
    this.calls.push(`${call} ${about}`);
    const broken = this.#broken?.call === call ? this.#broken : undefined;
    if (broken !== undefined) this.#broken = undefined;
    await Promise.resolve();
    if (broken?.when === 'before') throw broken.error;
    const answer = work();
    if (broken?.when === 'after') throw broken.error;
    return answer;
  }
}

const away = () => new CpnsError('DEPENDENCY_UNAVAILABLE', 'the KMC does not answer');
