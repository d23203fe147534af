/** A vector's values read with their types, and turned into what the library's functions take. */
import { ConfirmKey, EntityUserKey, SecondSeed, TokenAuthKey, type Random } from '@cpns/core';
import * as derivation from '../index';
import type { Value, Values, VectorInput } from './vector-cases';

/** Typed access to a case's values. */
export class Input {
  constructor(private readonly values: Values) {}

  #get(name: string): Value {
    const value = this.values[name];
    if (value === undefined) throw new Error(`the case has no ${name}`);
    return value;
  }
  has(name: string): boolean {
    return this.values[name] !== undefined;
  }
  text(name: string): string {
    const value = this.#get(name);
    if (typeof value !== 'string') throw new Error(`${name} is not text`);
    return value;
  }
  bytes(name: string): Buffer {
    return Buffer.from(this.text(name), 'hex');
  }
  number(name: string): number {
    const value = this.#get(name);
    if (typeof value !== 'number') throw new Error(`${name} is not a number`);
    return value;
  }
  list(name: string): Buffer[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) throw new Error(`${name} is not a list`);
    return value.map((item: string) => Buffer.from(item, 'hex'));
  }
  form(): derivation.KeyForm {
    return this.text('form') === 'secret' ? 'secret' : 'key-pair';
  }
  credential(): derivation.Credential {
    return this.has('tokenId') ? { tokenId: this.text('tokenId') } : { keyId: this.text('keyId') };
  }
  /** A generator that gives the one value of the case. */
  random(name: string): Random {
    return { bytes: () => this.bytes(name) };
  }
}

type Output = Readonly<Record<string, string>>;
type MaybeLater<T> = T | Promise<T>;

export interface Formula {
  /** Name of the file, without `.json`. */
  readonly name: string;
  /** As docs/protocol.md has it. */
  readonly formula: string;
  readonly cases: readonly VectorInput[];
  readonly compute: (input: Input) => MaybeLater<Output>;
  /** The way back, where there is one: what a reader, opener or verifier finds; these are fields of the input. */
  readonly reverse?: (output: Input, input: Input) => MaybeLater<Values>;
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const request = (i: Input): derivation.RequestFields => ({
  method: i.text('method'),
  entity: i.text('entity'),
  user: i.text('user'),
  gateway: i.text('gateway'),
  form: i.form(),
  key: i.bytes('key'),
  nonce: i.bytes('nonce'),
});

export const secondSeedTerms = (i: Input): derivation.SecondSeedTerms => ({
  firstSeedId: i.text('firstSeedId'),
  gateway: i.text('gateway'),
  entity: i.text('entity'),
  user: i.text('user'),
});

export const registration = (i: Input): derivation.Registration => ({
  ...secondSeedTerms(i),
  tokenId: i.text('tokenId'),
  notAfter: i.number('notAfter'),
  secondSeed: new SecondSeed(i.bytes('secondSeed')),
  nonce: i.bytes('nonce'),
});

export const t1 = (i: Input): Buffer => derivation.encodeRegistration(registration(i));
export const confirmKey = (i: Input): ConfirmKey => new ConfirmKey(i.bytes('confirmKey'));
export const authKey = (i: Input): TokenAuthKey => new TokenAuthKey(i.bytes('authKey'));
export const entityUserKey = (i: Input): EntityUserKey => new EntityUserKey(i.bytes('entityUserKey'));

export const assignmentTerms = (i: Input): derivation.AssignmentTerms => ({
  ...secondSeedTerms(i),
  notAfter: i.number('notAfter'),
});

export const pairwiseTerms = (i: Input): derivation.PairwiseTerms => ({
  entity: i.text('entity'),
  user: i.text('user'),
  certificate: i.bytes('certificate'),
});

export const enrolReply = (i: Input): derivation.EnrolReply => ({
  credential: i.credential(),
  key: i.bytes('key'),
  nonce: i.bytes('nonce'),
  chain: i.list('chain'),
});

export const proofCall = (i: Input): derivation.ProofCall => ({
  audience: i.text('audience'),
  method: i.text('method'),
  requestDigest: derivation.sha256(i.bytes('request')),
});
