/** Messages and fields that are larger than they may be. */
import { assignmentRows, ENROLLING, GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, RELAYED } from './assignment-stage';
import type { AlteredAssignment } from './assignment-stage';
import type { Row } from '../row';

/** Of a received message, in bytes. */
const MESSAGE_MAX = 262_144;
/** Of a CSR, in bytes. */
const CSR_MAX = 8_192;

const OVER: readonly AlteredAssignment[] = [
  {
    id: 'message of over 256 KiB',
    item: 'a message over the limit',
    clause: 'architecture, Failure',
    form: 'key-pair',
    message: (request) => ({ ...request, nonce: Buffer.alloc(MESSAGE_MAX) }),
    expect: { code: 'RESOURCE_EXHAUSTED', reason: 'MESSAGE_TOO_LARGE' },
  },
  {
    id: 'CSR of over 8 KiB',
    item: 'a message over the limit',
    clause: 'architecture, Failure',
    form: 'key-pair',
    message: (request) => ({ ...request, key: { $case: 'csr', value: Buffer.alloc(CSR_MAX + 1, 0x30) } }),
    expect: { code: 'INVALID_ARGUMENT', reason: 'CSR_NOT_DER' },
  },
  {
    id: 'nonce of 17 bytes',
    item: 'a message over the limit',
    clause: 'protocol, Notation',
    form: 'key-pair',
    message: (request) => ({ ...request, nonce: Buffer.alloc(17, 1) }),
    expect: { code: 'INVALID_ARGUMENT', reason: 'FIELD_SIZE', field: 'nonce' },
  },
];

export const LIMIT_ROWS: readonly Row[] = assignmentRows(
  [GATEWAY_ASSIGNS, GATEWAY_ASSIGNS_CERTIFICATE, RELAYED, ENROLLING],
  OVER,
);
