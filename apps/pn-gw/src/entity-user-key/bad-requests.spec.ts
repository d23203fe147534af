/**
 * What bad input gets at a PN GW, about Entity-User Keys. What the Server is to judge reaches it as it came, and its refusal
 * the entity; what the gateway judges never reaches the Server.
 */
import { CpnsError, type Reason } from '@cpns/core';
import {
  CALLER_ROWS,
  CERTIFICATE_ROWS,
  CSR_ROWS,
  expectationOf,
  ENTITY_PROOF_ROWS,
  expiredKeyRow,
  LIVE_CREDENTIAL_ROWS,
  NAME_ROWS,
  PROOF_ROWS,
  REGISTRATION_ROWS,
  SERVER_STOPPED_ROWS,
  STORE_STOPPED_ROWS,
  titled,
  TOKEN_ROWS,
  tryRow,
  type KeyRow,
} from '@cpns/testing/bad-input';
import { GatewayKeyWorld, KEY_LIFETIME_MS } from '../testing/key-world';

let world: GatewayKeyWorld;
beforeAll(async () => (world = await GatewayKeyWorld.start()));
afterAll(() => world.stop());

const here = (rows: readonly KeyRow[]) => titled(rows.filter(({ at }) => at.startsWith('gateway')));

/** A key or a token that the gateway does not have may be one of the Server's, which then judges. */
const GOES_ON =
  /\(forwarded\)|verified by the Server|^token(-id of no admission| of another entity) |, (CPNS Server|Redis) stopped$/;
/** What the gateway's own name, or its own table, decides. */
const OWN_ROW = /^(entity of another (PN|network|trust domain)|key-id of no key|key that )/;
const OWN = /^INVALID_ARGUMENT\/(FIELD|NAME_INVALID)/;

const isForServer = (row: KeyRow): boolean =>
  !OWN_ROW.test(row.id) &&
  (REGISTRATION_ROWS.includes(row) ||
    CERTIFICATE_ROWS.includes(row) ||
    GOES_ON.test(row.id) ||
    (row.id.endsWith('(registration)') && !OWN.test(expectationOf(row))));

async function tried(row: KeyRow): Promise<void> {
  const expected = expectationOf(row);
  const isServers = isForServer(row);
  const reason = expected.replace(/^.*\/| .*$/g, '') as Reason;
  await tryRow(world, row, {
    store: world.store,
    around: async (bad) => {
      const before = world.server.calls;
      world.server.refusal = isServers ? new CpnsError(reason, 'as the Server says it') : undefined;
      await bad().finally(() => {
        world.server.refusal = undefined;
        expect(world.server.calls - before).toBe(isServers ? 1 : 0);
      });
    },
  });
}

describe.each([
  ['tokens', TOKEN_ROWS],
  ['requests for a certificate', CSR_ROWS],
  ['names', NAME_ROWS],
  ['certificates', CERTIFICATE_ROWS],
  ['registrations', REGISTRATION_ROWS],
  ['callers', [...CALLER_ROWS, ...LIVE_CREDENTIAL_ROWS]],
  ['dependencies', [...SERVER_STOPPED_ROWS, ...STORE_STOPPED_ROWS]],
  ['proofs', [...PROOF_ROWS, ...ENTITY_PROOF_ROWS]],
  // the last: certificates that are issued afterwards are not yet valid to TLS, which has another clock
  ['what time has ended', [expiredKeyRow(KEY_LIFETIME_MS)]],
])('%s', (_name, rows) => {
  test.each(here(rows))('%s', (_title, row) => tried(row));
});
