import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { MessageReader, writeMessage } from '../message-stream';

/** Messages of a server stream. Iterating ends when the server ends the call, and throws its CpnsError when it fails. */
export interface IncomingStream<Response> extends AsyncIterable<Response> {
  /** Ends the call; iterating then throws CALL_CANCELLED. */
  cancel(): void;
}

/** Both directions of a two-way call. */
export interface TwoWayStream<Request, Response> extends IncomingStream<Response> {
  /** Resolves when the transport took the message. Rejects with the call's CpnsError once it has ended. */
  write(message: Request): Promise<void>;
  /** Our last message was sent. */
  end(): void;
}

export interface StreamCodec<Request, Response> {
  readonly encode: (message: Request) => Buffer;
  readonly decode: (bytes: Buffer) => Response;
  readonly toError: (error: unknown) => Error;
}

async function* decodedMessages<Response>(
  reader: MessageReader,
  codec: StreamCodec<never, Response>,
  cancel: () => void,
): AsyncGenerator<Response, void> {
  try {
    for await (const bytes of reader.messages()) yield codec.decode(bytes);
  } finally {
    cancel(); // a reader that stops early wants no more of it; on an ended call this does nothing
  }
}

export function incomingStream<Response>(
  call: ClientReadableStream<Buffer>,
  codec: StreamCodec<never, Response>,
): IncomingStream<Response> {
  const cancel = () => call.cancel();
  const reader = new MessageReader(call, codec.toError);
  return { cancel, [Symbol.asyncIterator]: () => decodedMessages(reader, codec, cancel) };
}

export function twoWayStream<Request, Response>(
  call: ClientDuplexStream<Buffer, Buffer>,
  codec: StreamCodec<Request, Response>,
): TwoWayStream<Request, Response> {
  const over = new AbortController();
  let ending: unknown = new Error('the call has ended');
  call.on('error', (error: unknown) => (ending = error));
  call.on('status', () => over.abort());
  return {
    ...incomingStream(call, codec),
    write: (message) => writeMessage(call, codec.encode(message), over.signal, () => codec.toError(ending)),
    end: () => call.end(),
  };
}
