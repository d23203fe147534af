import type { CallContext } from '@cpns/grpc';

/** What a use case needs to know of the call that waits for it. */
export type Waiting = Pick<CallContext, 'deadline' | 'receivedAt' | 'signal'>;
