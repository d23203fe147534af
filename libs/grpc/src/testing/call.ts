import { MemoryLog } from '@cpns/telemetry/testing';
import { ServerCallContext, type CallFacts, type Peer } from '..';

/** What a handler is told of a call: it just came in, and its caller waits for ever and stays. */
export function testCall(facts: Partial<CallFacts> = {}, peer?: Partial<Peer>): ServerCallContext {
  const { signal } = new AbortController();
  const { logger } = new MemoryLog();
  const call = new ServerCallContext({
    method: '',
    deadline: Infinity,
    receivedAt: Date.now(),
    signal,
    logger,
    ...facts,
  });
  call.peer = peer as Peer | undefined;
  return call;
}
