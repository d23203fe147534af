import { service as health } from 'grpc-health-check';
import type { MethodShape } from '../definitions';
import { connectTo, type ConnectionOptions } from './connection';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus` */
export type HealthStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

interface CheckMethod extends MethodShape {
  readonly requestStream: false;
  readonly responseStream: false;
  /** `service` is the full name of a service; empty for the whole process. */
  readonly requestDeserialize: (bytes: Buffer) => { service: string };
  readonly responseDeserialize: (bytes: Buffer) => { status: HealthStatus };
}

/** The library's definition, which it types for messages of any kind. */
const HEALTH = health as unknown as { readonly Check: CheckMethod };

const DEADLINE_MS = 2_000;

/**
 * Asks a port for its health, over a connection of its own. A port that takes no certificates is asked without one.
 * @throws CpnsError DEPENDENCY_UNAVAILABLE when there is no answer within 4 s, PEER_UNEXPECTED when another peer answers
 */
export async function checkHealth(options: ConnectionOptions, service = ''): Promise<HealthStatus> {
  const connection = connectTo(options);
  try {
    await connection.ready(DEADLINE_MS);
    const { status } = await connection.client(HEALTH).Check({ service }, { deadlineMs: DEADLINE_MS });
    return status;
  } finally {
    connection.close();
  }
}
