import { ITEMS, runRow, tryAltered, type Exchange, type Outcome, type Row } from './row';
import { CALLER_ROWS } from './rows/callers';
import { CERTIFICATE_ROWS } from './rows/certificates';
import { CSR_ROWS } from './rows/csrs';
import { NAME_ROWS } from './rows/names';
import { LIMIT_ROWS } from './rows/limits';
import { TRANSPORT_ROWS } from './rows/transport';
import { PROOF_ROWS } from './rows/proofs';
import { REGISTRATION_ROWS } from './rows/registrations';
import { TOKEN_ROWS } from './rows/tokens';
import { World } from './world';

let world: World;
beforeAll(async () => {
  world = await World.start({ gateways: [{ pn: 'pn1', id: 'gw1' }], keep: true });
}, 60_000);
afterAll(() => world?.stop());
const ONLY = process.env.BI_ONLY;

describe.each([['transport', TRANSPORT_ROWS], ['limits', LIMIT_ROWS], ['callers', CALLER_ROWS], ['reg', REGISTRATION_ROWS], ['proofs', PROOF_ROWS], ['cert', CERTIFICATE_ROWS],['csr', CSR_ROWS], ['names', NAME_ROWS], ['tokens', TOKEN_ROWS]] as [string, Row[]][])('%s', (n, rows) => {
  if (ONLY && !ONLY.split(',').includes(n)) return;
  test.each(rows.map((r) => [`${r.id} at ${r.at}`, r] as const))('%s', async (_id, row) => {
    const { refusal, compared } = await runRow(world, row);
    row; 
    const f = row.expect.field === undefined ? {} : { field: refusal.metadata.field };
    expect({ code: refusal.code, reason: refusal.reason, ...f }).toEqual(row.expect);
    expect(compared).toBeGreaterThan(0);
  });
});
