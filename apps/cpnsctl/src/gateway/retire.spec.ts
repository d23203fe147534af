import { EnrolmentServiceService, type RetireGatewayRequest } from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { implement } from '@cpns/grpc';
import { UsageError } from '../exit-codes';
import { FakeServices } from '../testing/fake-services';
import { retirementTime } from './retire';

const GATEWAY = 'cpns://pn1.home.example/pn-gw/gw';
const asked: RetireGatewayRequest[] = [];
const nothing = { count: 0, names: [] };

const services = perFile(
  new FakeServices({
    'cpns-server': [
      implement(
        { retireGateway: EnrolmentServiceService.retireGateway },
        {
          retireGateway: (request) => {
            asked.push(request);
            const gateway = {
              entity: request.entity,
              enrolledAt: 1_000n,
              certificateNotAfter: 2_000n,
              undelivered: 0n,
              firstSeeds: [],
              cas: [],
              revoked: false,
              certificateDigest: Buffer.alloc(32),
              retireAt: request.at,
            };
            const entities = { count: 2, names: ['cpns://pn1.home.example/pne/a', 'cpns://pn1.home.example/pne/b'] };
            const report = {
              complete: false,
              entities,
              ...{ admissions: nothing, firstSeeds: nothing, cas: nothing, groups: nothing, gatewaysWaiting: nothing },
            };
            return Promise.resolve({ gateway, report });
          },
        },
      ),
    ],
  }),
);
beforeEach(() => asked.splice(0));

describe('retirementTime', () => {
  it.each([
    [{ at: 5_000 }, 5_000],
    [{ in: 5_000 }, 6_000],
    [{ cancel: true }, 0],
  ])('of %j', (flags, expected) => {
    expect(retirementTime(flags, 1_000)).toBe(expected);
  });

  it.each([[{}], [{ at: 1, in: 1 }], [{ at: 1, cancel: true }]])('refuses %j', (flags) => {
    expect(() => retirementTime(flags, 1_000)).toThrow(UsageError);
  });
});

describe('gateway retire', () => {
  const at = '2099-12-24T12:00Z';

  it('asks for the date, and shows whom it has to be without by then', async () => {
    const { code, out } = await services.cpnsctl(['gateway', 'retire', GATEWAY, '--at', at, '--yes']);
    expect([code, asked]).toEqual([0, [{ entity: GATEWAY, at: BigInt(Date.parse(at)) }]]);
    expect(out).toMatch(/is revoked +│ 2099-12-24 12:00:00Z[^]*entities +│ 2 +│ cpns[^]*pne\/b/);
  });

  it('takes a date back', async () => {
    expect(await services.json(['gateway', 'retire', GATEWAY, '--cancel', '--yes'])).toMatchObject({
      gateway: { entity: GATEWAY, retireAt: null },
    });
    expect(asked).toEqual([{ entity: GATEWAY, at: 0n }]);
  });

  it.each([
    ['no date', ['--yes'], /give --at, --in or --cancel/],
    ['no terminal', ['--at', at], /give --yes/],
    ['a day', ['--at', '2099-12-24', '--yes'], /12:00Z/],
  ])('with %s asks nothing', async (_, flags, message) => {
    const { code, err } = await services.cpnsctl(['gateway', 'retire', GATEWAY, ...flags]);
    expect([code, asked]).toEqual([64, []]);
    expect(err).toMatch(message);
  });
});
