import {
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  GroupKeyManagementServiceService,
  KeyForm,
  KeyState,
  ServiceGroupServiceService,
} from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { perFile } from '@cpns/core/testing';
import { implement } from '@cpns/grpc';
import { FakeServices } from '../testing/fake-services';

const ENTITY = 'cpns://pn1.home.example/pne/phone';
const GATEWAY = 'cpns://pn1.home.example/pn-gw/gw';
const given: Readonly<Record<string, readonly bigint[]>> = { family: [4n, 5n], alarm: [] };

const services = perFile(
  new FakeServices({
    'cpns-server': [
      implement(
        { listAdmissions: EnrolmentServiceService.listAdmissions },
        { listAdmissions: () => Promise.reject(new CpnsError('NOT_FOUND', 'no admission')) },
      ),
      implement(
        { getEntityUserKey: EntityUserKeyServiceService.getEntityUserKey },
        {
          getEntityUserKey: ({ entity }) =>
            Promise.resolve({
              key: {
                entity,
                user: '',
                form: KeyForm.KEY_FORM_SECRET,
                assigner: GATEWAY,
                state: KeyState.KEY_STATE_LIVE,
                keyId: Buffer.alloc(16, 1),
                notAfter: 2_000n,
                registeredAt: 1_000n,
                certificateDigest: Buffer.alloc(0),
                tokenId: '',
              },
              lastSeenAt: 60_000n,
              lastSeenGateway: GATEWAY,
            }),
        },
      ),
      implement(
        { getGroupKeyStatus: GroupKeyManagementServiceService.getGroupKeyStatus },
        {
          getGroupKeyStatus: ({ groupId, entity }) =>
            Promise.resolve({ status: undefined, given: entity === ENTITY ? [...given[groupId]!] : [] }),
        },
      ),
    ],
    smf: [
      implement(
        { listMemberships: ServiceGroupServiceService.listMemberships },
        {
          listMemberships: ({ entity, pageToken }) =>
            Promise.resolve(
              pageToken === ''
                ? { memberships: [{ groupId: 'family', suspended: entity !== ENTITY }], nextPageToken: 'x' }
                : { memberships: [{ groupId: 'alarm', suspended: true }], nextPageToken: '' },
            ),
        },
      ),
    ],
  }),
);

describe('entity show', () => {
  it('has the key, when and where it was last seen, and each group with the versions that it is given', async () => {
    expect(await services.json(['entity', 'show', ENTITY])).toMatchObject({
      entity: ENTITY,
      lastSeenAt: '1970-01-01T00:01:00.000Z',
      lastSeenGateway: GATEWAY,
      admissions: [],
      key: { state: 'live' },
      groups: [
        { groupId: 'alarm', suspended: true, versionsGiven: [] },
        { groupId: 'family', suspended: false, versionsGiven: [4, 5] },
      ],
    });
  });

  it('is a table for people', async () => {
    const { out } = await services.cpnsctl(['entity', 'show', ENTITY]);
    expect(out).toMatch(/last seen +│ 1970-01-01 00:01:00Z/);
    expect(out).toMatch(/through +│ cpns:\/\/pn1\.home\.example\/pn-gw\/gw/);
    expect(out).toMatch(/alarm +│ suspended +│ none/);
    expect(out).toMatch(/family +│ member +│ 4, 5/);
  });

  it('asks the SMF nothing with --no-groups', async () => {
    const nowhere = ['--smf', '127.0.0.1:9'];
    const { out } = await services.cpnsctl(['entity', 'show', ENTITY, '--no-groups', ...nowhere]);
    expect(out).not.toContain('Service Groups');
    expect(await services.cpnsctl(['entity', 'show', ENTITY, ...nowhere])).toMatchObject({ code: 69, out: '' });
  });
});
