import {
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  KeyForm,
  KeyState,
  RevocationKind,
  type EntityUserKeyInfo,
  type RevokeAdmissionRequest,
  type RevokeEntityUserKeyRequest,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { perFile } from '@cpns/core/testing';
import { implement } from '@cpns/grpc';
import { EXIT } from '../exit-codes';
import { FakeServices } from '../testing/fake-services';

const ENTITY = 'cpns://pn1.home.example/pne/phone';
const GATEWAY = 'cpns://pn1.home.example/pn-gw/gw';
const KEY_ID = 'ab'.repeat(16);
const TOKEN = 'cd'.repeat(16);
const { REVOCATION_KIND_REVOKE, REVOCATION_KIND_RESUME, REVOCATION_KIND_SUSPEND } = RevocationKind;
const none = { count: 0, names: [] };

const key = (entity: string): EntityUserKeyInfo => ({
  entity,
  user: 'alice',
  form: KeyForm.KEY_FORM_SECRET,
  assigner: GATEWAY,
  state: KeyState.KEY_STATE_SUSPENDED,
  keyId: Buffer.from(KEY_ID, 'hex'),
  notAfter: 2_000n,
  registeredAt: 1_000n,
  certificateDigest: Buffer.alloc(0),
  tokenId: TOKEN,
});

let asked: RevokeEntityUserKeyRequest[] = [];
let admissions: RevokeAdmissionRequest[] = [];
const services = perFile(
  new FakeServices({
    'cpns-server': [
      implement(
        { revokeEntityUserKey: EntityUserKeyServiceService.revokeEntityUserKey },
        {
          revokeEntityUserKey: (request) => {
            asked.push(request);
            if (request.entity.endsWith('unknown')) return Promise.reject(new CpnsError('NOT_FOUND', 'no such entity'));
            const groups = { count: 1, names: ['family'] };
            const report = {
              complete: !request.dryRun,
              entities: { count: 1, names: [ENTITY] },
              ...{ admissions: none, firstSeeds: none, cas: none, groups, gatewaysWaiting: none },
            };
            return Promise.resolve({ key: request.user === '' ? key(request.entity) : undefined, report });
          },
        },
      ),
      implement(
        { revokeAdmission: EnrolmentServiceService.revokeAdmission },
        {
          revokeAdmission: (request) => {
            admissions.push(request);
            return Promise.resolve({ admission: undefined });
          },
        },
      ),
    ],
  }),
);
beforeEach(() => {
  asked = [];
  admissions = [];
});

const plain = { entity: '', user: '', keyId: Buffer.alloc(0), dryRun: false, keepGrace: false };

describe('the end of a right', () => {
  it.each<[string, readonly string[], Partial<RevokeEntityUserKeyRequest>]>([
    ['entity revoke', ['entity', 'revoke', ENTITY], { entity: ENTITY, kind: REVOCATION_KIND_REVOKE }],
    [
      'entity revoke of one key',
      ['entity', 'revoke', ENTITY, '--key-id', KEY_ID, '--keep-grace'],
      { entity: ENTITY, kind: REVOCATION_KIND_REVOKE, keyId: Buffer.from(KEY_ID, 'hex'), keepGrace: true },
    ],
    [
      'entity revoke of a user',
      ['entity', 'revoke', '--user', 'alice'],
      { user: 'alice', kind: REVOCATION_KIND_REVOKE },
    ],
    ['entity suspend', ['entity', 'suspend', ENTITY], { entity: ENTITY, kind: REVOCATION_KIND_SUSPEND }],
    ['entity resume', ['entity', 'resume', ENTITY], { entity: ENTITY, kind: REVOCATION_KIND_RESUME }],
    ['gateway revoke', ['gateway', 'revoke', GATEWAY], { entity: GATEWAY, kind: REVOCATION_KIND_REVOKE }],
  ])('%s asks for it once with --yes, and tells the report', async (_, args, request) => {
    const answer = await services.json([...args, '--yes']);
    expect(asked).toEqual([{ ...plain, ...request }]);
    expect(answer).toMatchObject({
      entity: request.entity ?? null,
      user: request.user ?? null,
      dryRun: false,
      key: request.user === undefined ? { state: 'suspended', user: 'alice' } : null,
      report: { complete: true, groups: { count: 1, names: ['family'] } },
    });
  });

  it('as a dry run asks nobody, and changes nothing', async () => {
    const { code, out } = await services.cpnsctl(['entity', 'revoke', ENTITY, '--dry-run']);
    expect([code, asked.map(({ dryRun }) => dryRun)]).toEqual([EXIT.done, [true]]);
    expect(out).toMatch(/nothing was changed[^]*groups with a new version +│ 1 +│ family/);
  });

  it('at a terminal shows the dry run first, and then asks', async () => {
    const { code, err, asked: questions } = await services.cpnsctl(['entity', 'revoke', ENTITY], 'yes');
    expect([code, asked.map(({ dryRun }) => dryRun)]).toEqual([EXIT.done, [true, false]]);
    expect(err).toContain('nothing was changed');
    expect(questions).toEqual([`Revoke ${ENTITY}? Type yes to go on: `]);
  });

  it('is not done where it is not confirmed', async () => {
    const { code, err } = await services.cpnsctl(['gateway', 'revoke', GATEWAY], 'no');
    expect([code, asked.map(({ dryRun }) => dryRun)]).toEqual([EXIT.usage, [true]]);
    expect(err).toContain('not confirmed: nothing was changed');
  });

  it('of one admission is that admission’s alone', async () => {
    const { code, err } = await services.cpnsctl(['entity', 'revoke', ENTITY, '--token-id', TOKEN, '--yes']);
    expect([code, asked, admissions]).toEqual([EXIT.internal, [], [{ entity: ENTITY, tokenId: TOKEN }]]);
    expect(err).toContain('without the admission');
  });

  it('says what the Server says of an unknown entity', async () => {
    const { code, err } = await services.cpnsctl(['entity', 'revoke', `${ENTITY}-unknown`, '--yes']);
    expect(code).toBe(EXIT.refused);
    expect(err).toContain('(NOT_FOUND)');
  });

  it.each([
    ['of nobody', ['entity', 'revoke', '--yes'], /give an entity, or --user/],
    ['of an entity and a user', ['entity', 'revoke', ENTITY, '--user', 'alice', '--yes'], /give an entity, or --user/],
    ['of a user’s key', ['entity', 'revoke', '--user', 'alice', '--key-id', KEY_ID], /cannot be used with/],
    ['of an admission, as a dry run', ['entity', 'revoke', ENTITY, '--token-id', TOKEN, '--dry-run'], /cannot be used/],
    ['without a terminal', ['entity', 'revoke', ENTITY], /no terminal to ask at: give --yes/],
    ['of one admission without a terminal', ['entity', 'revoke', ENTITY, '--token-id', TOKEN], /give --yes/],
    ['of a gateway that is none', ['gateway', 'revoke', ENTITY, '--yes'], /does not name a PN GW/],
    ['suspended, of a user', ['entity', 'suspend', '--user', 'alice', '--yes'], /unknown option/],
    ['resumed, with grace', ['entity', 'resume', ENTITY, '--keep-grace', '--yes'], /unknown option/],
  ])('%s is refused in one line, before any call', async (_, args, message) => {
    const { code, out, err } = await services.cpnsctl(args);
    expect([code, out, asked, admissions]).toEqual([EXIT.usage, '', [], []]);
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});
