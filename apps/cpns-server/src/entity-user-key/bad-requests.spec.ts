/** What bad input gets at the CPNS Server, about Entity-User Keys: each message is accepted unaltered, and refused altered. */
import {
  CALLER_ROWS,
  CERTIFICATE_ROWS,
  CSR_ROWS,
  NAME_ROWS,
  PROOF_ROWS,
  REGISTRATION_ROWS,
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

describe.each([
  ['tokens', TOKEN_ROWS],
  ['requests for a certificate', CSR_ROWS],
  ['names', NAME_ROWS],
  ['certificates', CERTIFICATE_ROWS],
  ['registrations', REGISTRATION_ROWS],
  ['proofs', PROOF_ROWS],
  ['callers', CALLER_ROWS],
])('%s', (_name, rows) => {
  test.each(here(rows))('%s', (_title, row) => tryRow(world, row, world));
});
