/** What bad input gets at the CPNS Server, about Entity-User Keys: each message is accepted unaltered, and refused altered. */
import { duration } from '@cpns/core';
import {
  CALLER_ROWS,
  CERTIFICATE_ROWS,
  CSR_ROWS,
  ENTITY_PROOF_ROWS,
  NAME_ROWS,
  expiredKeyRow,
  PROOF_ROWS,
  PROOF_SERVICE,
  REGISTRATION_ROWS,
  STORE_STOPPED_ROWS,
  titled,
  TOKEN_ROWS,
  tryRow,
  type KeyRow,
} from '@cpns/testing/bad-input';
import { ServerWorld } from '../testing/key-world';

let world: ServerWorld;
beforeAll(async () => {
  world = await ServerWorld.start();
});
afterAll(() => world.stop());

const here = (rows: readonly KeyRow[]) => titled(rows.filter(({ at }) => at.startsWith('Server')));

test.each(here(STORE_STOPPED_ROWS))('%s', (_title, row) =>
  tryRow(world, row, { store: world.store, around: world.withoutStore }),
);

describe.each([
  ['tokens', TOKEN_ROWS],
  ['requests for a certificate', CSR_ROWS],
  ['names', NAME_ROWS],
  ['certificates', CERTIFICATE_ROWS],
  ['registrations', REGISTRATION_ROWS],
  ['proofs', PROOF_ROWS],
  ['entities’ own proofs', ENTITY_PROOF_ROWS],
  ['callers', CALLER_ROWS],
])('%s', (_name, rows) => {
  test.each(here(rows))('%s', (_title, row) => tryRow(world, row, world));
});

// the last: certificates that are issued afterwards are not yet valid to TLS, which has another clock
const YEAR = duration(365, 'day');
test.each(here([expiredKeyRow(YEAR, PROOF_SERVICE)]))('%s', (_title, row) => tryRow(world, row, world));
