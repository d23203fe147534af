/** What bad input gets about rotations and parameters of a group at CSKMF, each RPC with each fault. */
import type {
  GetGroupKeyStatusRequest,
  RotateGroupKeyRequest,
  UpdateGroupDescriptionRequest,
  WatchGroupKeyEventsRequest,
} from '@cpns/contracts';
import { perFile } from '@cpns/core/testing';
import { testCall } from '@cpns/grpc/testing';
import { descriptionOf, DESCRIPTION_FAULTS, GROUP_DELETED, type Fault } from '@cpns/platform/testing';
import { A, argument, CskmfBench } from '../testing/cskmf-bench';
import { PUSH } from '../testing/world';

const cskmf = perFile(new CskmfBench());

cskmf.refuses<RotateGroupKeyRequest>({
  name: 'RotateGroupKey',
  good: async () => ({ groupId: await cskmf.group(), emergency: false, requestId: Buffer.alloc(0) }),
  send: (request) => cskmf.server.management.rotateGroupKey(request),
  faults: [
    ...cskmf.ofGroup,
    cskmf.deleted,
    ['a request id of 15 bytes', { requestId: Buffer.alloc(15) }, argument('FIELD_SIZE', 'request_id')],
    ['a request id of 17 bytes', { requestId: Buffer.alloc(17) }, argument('FIELD_SIZE', 'request_id')],
  ],
});

const described = (change: object) => (good: UpdateGroupDescriptionRequest) => ({
  description: { ...good.description!, ...change },
});
cskmf.refuses<UpdateGroupDescriptionRequest>({
  name: 'UpdateGroupDescription',
  good: async () => {
    const request = { description: descriptionOf(await cskmf.group()), descriptionRevision: 2n };
    await cskmf.server.management.updateGroupDescription(request);
    return request;
  },
  send: (request) => cskmf.server.management.updateGroupDescription(request),
  faults: [
    ...(DESCRIPTION_FAULTS as readonly Fault<UpdateGroupDescriptionRequest>[]),
    ['an unknown group', () => ({ description: descriptionOf(cskmf.freshId()) }), 'NOT_FOUND/NOT_FOUND'],
    ['a deleted group', async () => ({ description: descriptionOf(await cskmf.ended()) }), GROUP_DELETED],
    ['another delivery', described(PUSH), argument('FIELD_OUT_OF_RANGE', 'delivery')],
    ['revision 0', { descriptionRevision: 0n }, argument('FIELD_MISSING', 'description_revision')],
    ['the known revision, and another description', described({ displayName: 'kitchen' }), 'ABORTED/CONFLICT'],
  ],
});

const NOT_AN_ENTITY = 'cpns://td.example/service/smf';
cskmf.refuses<GetGroupKeyStatusRequest>({
  name: 'GetGroupKeyStatus of an entity',
  good: async () => ({ groupId: await cskmf.group(), entity: A, withRecipients: true }),
  send: (request) => cskmf.server.ask(request),
  faults: [
    ['what is no E', { entity: 'lamp' }, argument('NAME_INVALID', 'entity')],
    ['a service', { entity: NOT_AN_ENTITY }, argument('NAME_INVALID', 'entity')],
    ['an E of another trust domain', { entity: 'cpns://pn1.other.example/pne/lamp' }, 'PERMISSION_DENIED/TRUST_DOMAIN'],
  ],
});

cskmf.refuses<WatchGroupKeyEventsRequest>({
  name: 'WatchGroupKeyEvents',
  good: () => ({ lastSequence: 0n, lastEntryId: Buffer.alloc(0) }),
  send: async (request) => {
    const over = new AbortController();
    const write = () => Promise.resolve(over.abort());
    await cskmf.server.management.watchGroupKeyEvents(
      request,
      Object.assign(testCall({ signal: over.signal }), { write }),
    );
  },
  faults: [
    ['a sequence without its id', { lastSequence: 1n }, argument('FIELD_SIZE', 'last_entry_id')],
    ['an id without its sequence', { lastEntryId: Buffer.alloc(16, 1) }, argument('FIELD_SIZE', 'last_entry_id')],
    ['an id of 15 bytes', { lastSequence: 1n, lastEntryId: Buffer.alloc(15) }, argument('FIELD_SIZE', 'last_entry_id')],
    [
      'sequence 2^64 - 1',
      { lastSequence: 2n ** 64n - 1n, lastEntryId: Buffer.alloc(16, 1) },
      argument('FIELD_OUT_OF_RANGE', 'last_sequence'),
    ],
  ],
});
