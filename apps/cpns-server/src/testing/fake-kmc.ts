import { CpnsError, SECRET_BYTES } from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import type { KmcMethods } from '../osg/osg';

interface Version {
  readonly requestId: Buffer;
  material: Buffer | undefined;
}

export type KmcCall = 'createKey' | 'createKeyVersion' | 'getKeyVersion' | 'destroyKeyVersion' | 'destroyKey';

/** A KMC in memory that keeps the contract of kmc_service.proto, and breaks off when it is told to. */
export class FakeKmc implements KmcMethods {
  /** By group-id, version 1 first. */
  readonly #keys = new Map<string, Version[]>();
  readonly #ended = new Set<string>();
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
    return this.#keys.get(groupId)?.[Number(version) - 1]?.material;
  }

  /** How many versions a group was ever given. */
  made(groupId: string): bigint {
    return BigInt(this.#keys.get(groupId)?.length ?? 0);
  }

  createKey: KmcMethods['createKey'] = ({ groupId, requestId }) =>
    this.#answer('createKey', groupId, () => {
      if (this.#ended.has(groupId)) throw new CpnsError('ALREADY_EXISTS', 'the group had a key');
      if (!this.#keys.has(groupId)) this.#keys.set(groupId, []);
      return this.#make(groupId, 0n, requestId, 'ALREADY_EXISTS');
    });

  createKeyVersion: KmcMethods['createKeyVersion'] = ({ groupId, previous, requestId }) =>
    this.#answer('createKeyVersion', groupId, () => this.#make(groupId, previous, requestId, 'CONFLICT'));

  getKeyVersion: KmcMethods['getKeyVersion'] = ({ groupId, version }) =>
    this.#answer('getKeyVersion', `${groupId}/${version}`, () => this.#given(groupId, version));

  destroyKeyVersion: KmcMethods['destroyKeyVersion'] = ({ groupId, version }) =>
    this.#answer('destroyKeyVersion', `${groupId}/${version}`, () => {
      found(this.#live(groupId)[Number(version) - 1]).material = undefined;
      return {};
    });

  destroyKey: KmcMethods['destroyKey'] = ({ groupId }) =>
    this.#answer('destroyKey', groupId, () => {
      for (const version of found(this.#keys.get(groupId))) version.material = undefined;
      this.#ended.add(groupId);
      return {};
    });

  #live(groupId: string): Version[] {
    return found(this.#ended.has(groupId) ? undefined : this.#keys.get(groupId));
  }

  /** @param taken what is said where the version after `previous` is another request's, or not the next */
  #make(groupId: string, previous: bigint, requestId: Buffer, taken: 'ALREADY_EXISTS' | 'CONFLICT') {
    const versions = this.#live(groupId);
    const known = versions[Number(previous)];
    if (known === undefined ? BigInt(versions.length) !== previous : !known.requestId.equals(requestId))
      throw new CpnsError(taken, 'another version is the newest');
    if (known === undefined) versions.push({ requestId, material: this.#random.bytes(SECRET_BYTES) });
    return this.#given(groupId, previous + 1n);
  }

  /** A copy, as over the wire: its receiver wipes it. */
  #given(groupId: string, version: bigint) {
    const groupKey = Buffer.from(found(this.#live(groupId)[Number(version) - 1]?.material));
    return { version: { groupId, version, groupKey } };
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

function found<T>(one: T | undefined): T {
  if (one === undefined) throw new CpnsError('NOT_FOUND', 'no such key or version');
  return one;
}
