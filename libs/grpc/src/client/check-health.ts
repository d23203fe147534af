import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { connectTo, type ConnectionOptions } from './connection';

/** As `grpc.health.v1.HealthCheckResponse.ServingStatus` counts. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
export type HealthStatus = (typeof STATUSES)[number];

interface HealthRequest {
  /** Full name of a service; empty for the whole process. */
  readonly service: string;
}

function statusOf(bytes: Uint8Array): HealthStatus {
  const reader = new BinaryReader(bytes);
  let status = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) status = reader.int32();
    else reader.skip(type, field);
  }
  return STATUSES[status] ?? 'UNKNOWN';
}

/** One string in, one enumeration out: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
const HEALTH = {
  check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: ({ service }: HealthRequest) =>
      Buffer.from(service === '' ? [] : new BinaryWriter().uint32(10).string(service).finish()),
    requestDeserialize: (): HealthRequest => ({ service: '' }),
    responseSerialize: (): Buffer => Buffer.alloc(0),
    responseDeserialize: statusOf,
  },
};

const DEADLINE_MS = 2_000;

/**
 * Asks a port for its health, over a connection of its own. A port that takes no certificates is asked without one.
 * @throws CpnsError DEPENDENCY_UNAVAILABLE when nobody answers within 4 s, PEER_UNEXPECTED when somebody else does
 */
export async function checkHealth(options: ConnectionOptions, service = ''): Promise<HealthStatus> {
  const connection = connectTo(options);
  try {
    await connection.ready(DEADLINE_MS);
    return await connection.client(HEALTH).check({ service }, { deadlineMs: DEADLINE_MS });
  } finally {
    connection.close();
  }
}
