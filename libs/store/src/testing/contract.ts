import { FakeClock } from '@cpns/core/testing';
import { registerCommitCases } from './contract-commit';
import type { ContractSubject } from './contract-fixture';
import { fixtureOf } from './contract-fixture';
import { registerExpiryCases } from './contract-expiry';
import { registerLogCases } from './contract-log';
import { registerRaceCases } from './contract-race';
import { registerRefusalCases } from './contract-refusals';
import { registerSetCases } from './contract-sets';

export type { ContractSubject } from './contract-fixture';

/**
 * Registers the cases that every adapter of the Store port passes, none of them optional, in a `describe` of that name.
 * What they say is the meaning of the port.
 * @param subject opens handles of one and the same store, empty at the beginning of the suite
 */
export function storeContract(name: string, subject: ContractSubject): void {
  // a busy machine is slow, and none of the cases is about speed
  jest.setTimeout(30_000);
  describe(`${name}: the Store contract`, () => {
    const fixture = fixtureOf(subject, new FakeClock());
    registerCommitCases(fixture);
    registerExpiryCases(fixture);
    registerSetCases(fixture);
    registerLogCases(fixture);
    registerRaceCases(fixture);
    registerRefusalCases(fixture);
  });
}
