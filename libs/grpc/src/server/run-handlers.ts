import { rpcKind } from '@cpns/contracts';
import { unavailable } from '@cpns/core';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  Server,
  ServerDuplexStream,
  ServerWritableStream,
  UntypedHandleCall,
} from '@grpc/grpc-js';
import { setImmediate } from 'node:timers/promises';
import { asBytes } from '../definitions';
import { MessageReader, writeMessage } from '../message-stream';
import type { ProofVerifier } from '../peer';
import { abortReason, type DuplexContext, type ServerStreamContext } from './call-context';
import type { BoundMethod } from './handlers';
import type { IncomingCall } from './incoming-call';

export interface HandlerHost {
  /** The call that these headers began. */
  readonly callOf: (metadata: Metadata) => IncomingCall;
  readonly verifyProof: ProofVerifier | undefined;
}

// Each handler was checked against its definition where it was declared, by {@link Handlers}; from here on they are messages
// of one and the same method.
type AnyHandler = (...args: readonly unknown[]) => Promise<unknown>;
const handlerOf = (method: BoundMethod) => method.handle as AnyHandler;
const encode = (method: BoundMethod, response: unknown): Buffer => method.shape.responseSerialize(response as never);

/** The handler's answer; where it began beside the question for the caller's standing, a refusal of that goes first. */
async function answered(method: BoundMethod, request: unknown, { context }: IncomingCall): Promise<unknown> {
  const answering = handlerOf(method)(request, context);
  if (!method.runsDuringRevocationCheck) return answering;
  const [standing, answer] = await Promise.allSettled([context.standing, answering]);
  if (standing.status === 'rejected') throw standing.reason;
  if (answer.status === 'rejected') throw answer.reason;
  return answer.value;
}

let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * Resolves for one caller in each turn of the event loop: calls that come in a crowd begin one after another, and what was
 * begun before goes on between them. Else their beginnings alone keep the process from reading answers until they are late.
 */
const nextTurn = () => (lastTurn = lastTurn.then(() => setImmediate()));

const unary =
  (method: BoundMethod, host: HandlerHost): handleUnaryCall<Buffer, Buffer> =>
  (call, callback) => {
    const incoming = host.callOf(call.metadata);
    void incoming
      .run(async () => {
        await nextTurn();
        const request = incoming.decode(call.request, method);
        if (incoming.hasToProve) await incoming.prove(call.request, method, host.verifyProof);
        return encode(method, await answered(method, request, incoming));
      })
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(incoming.failure(error)),
      );
  };

type Answering = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** The context of a call with a method to write with; the parts that become known later stay visible through it. */
function streamContext(call: Answering, incoming: IncomingCall, method: BoundMethod): ServerStreamContext<unknown> {
  const { signal } = incoming.context;
  const write = (response: unknown) =>
    writeMessage(call, encode(method, response), signal, () =>
      signal.aborted ? abortReason(signal) : unavailable('DEPENDENCY_UNAVAILABLE', 'the stream is closed'),
    );
  return Object.assign(Object.create(incoming.context) as typeof incoming.context, { write });
}

function finish(call: Answering, incoming: IncomingCall, done: Promise<unknown>): void {
  void done.then(
    () => call.end(),
    (error: unknown) => {
      // an ended call has its status already, and its stream may be gone
      if (!incoming.context.signal.aborted) call.emit('error', Object.assign(new Error(), incoming.failure(error)));
    },
  );
}

const serverStream =
  (method: BoundMethod, host: HandlerHost): handleServerStreamingCall<Buffer, Buffer> =>
  (call) => {
    const incoming = host.callOf(call.metadata);
    const answer = incoming.run(async () => {
      const request = incoming.decode(call.request, method);
      if (incoming.hasToProve) await incoming.prove(call.request, method, host.verifyProof);
      await handlerOf(method)(request, streamContext(call, incoming, method));
    });
    finish(call, incoming, answer);
  };

async function* decoded(reader: MessageReader, incoming: IncomingCall, method: BoundMethod): AsyncGenerator<unknown> {
  for await (const bytes of reader.messages()) yield incoming.decode(bytes, method);
}

const duplex =
  (method: BoundMethod, host: HandlerHost): handleBidiStreamingCall<Buffer, Buffer> =>
  (call) => {
    const incoming = host.callOf(call.metadata);
    const { signal } = incoming.context;
    const reader = new MessageReader(call, () => abortReason(signal));
    signal.addEventListener('abort', () => reader.fail(abortReason(signal)), { once: true });
    const requests = decoded(reader, incoming, method);
    const stream: DuplexContext<unknown, unknown> = Object.assign(streamContext(call, incoming, method), { requests });
    finish(
      call,
      incoming,
      incoming.run(() => handlerOf(method)(stream)),
    );
  };

function runnable(method: BoundMethod, host: HandlerHost): UntypedHandleCall {
  const kind = rpcKind(method.shape);
  if (kind === 'client-stream') throw new Error(`${method.path}: client streaming is not part of these contracts`);
  return { unary, 'server-stream': serverStream, bidi: duplex }[kind](method, host);
}

const GRPC_TYPES = { unary: 'unary', 'server-stream': 'serverStream', 'client-stream': 'clientStream', bidi: 'bidi' };

/** Registers the served methods; grpc-js sees bytes only. */
export function registerHandlers(server: Server, methods: readonly BoundMethod[], host: HandlerHost): void {
  for (const method of methods) {
    const type = GRPC_TYPES[rpcKind(method.shape)];
    if (!server.register(method.path, runnable(method, host), asBytes, asBytes, type))
      throw new Error(`${method.path} is bound twice`);
  }
}

/** Registers the other methods of the contracts, so that a call for one comes by the admission and gets our details. */
export function registerUnserved(server: Server, paths: readonly string[]): void {
  const never: handleUnaryCall<Buffer, Buffer> = (_call, callback) => callback(new Error('refused at admission'));
  for (const path of paths) server.register(path, never, asBytes, asBytes, 'unary');
}
