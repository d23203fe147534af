import type { RpcPath } from '@cpns/contracts';
import {
  serviceOf,
  type Form,
  type MethodShape,
  type RequestOf,
  type ResponseOf,
  type ServiceShape,
} from '../definitions';
import type { CallContext, DuplexContext, ServerStreamContext } from './call-context';

/** The handler that an RPC asks for. */
export type Handler<M extends MethodShape> = Form<
  M,
  (request: RequestOf<M>, call: CallContext) => Promise<ResponseOf<M>>,
  (request: RequestOf<M>, call: ServerStreamContext<ResponseOf<M>>) => Promise<void>,
  (call: DuplexContext<RequestOf<M>, ResponseOf<M>>) => Promise<void>
>;

/** One handler for each RPC of a service: what a controller implements. */
export type Handlers<S extends ServiceShape> = { readonly [K in keyof S]: Handler<S[K]> };

/** A service with its handlers. */
export interface ServiceBinding {
  /** `cpns.v1.KmcService` */
  readonly service: string;
  readonly methods: readonly BoundMethod[];
}

export interface BoundMethod {
  readonly name: string;
  readonly path: RpcPath;
  readonly shape: MethodShape;
  /** Bound to its controller. Its type is known where it was declared. */
  readonly handle: (...args: never[]) => Promise<unknown>;
  /** In bytes. */
  readonly maxRequestBytes: number | undefined;
  /** Whether the handler awaits the caller's standing itself. */
  readonly runsDuringRevocationCheck: boolean;
}

export interface ImplementOptions<Name extends string = string> {
  /** Limit for each message of this service, where it differs from the port's. */
  readonly maxRequestBytes?: number;
  /**
   * Unary RPCs whose handlers begin while the port still asks whether the caller may act ({@link CallContext.standing}):
   * they read meanwhile, and await the answer before they do anything that anybody could see.
   */
  readonly runsDuringRevocationCheck?: readonly Name[];
}

/**
 * Ties handlers to a generated service definition, or to some of its RPCs: the port answers UNIMPLEMENTED to the others.
 * `handlers` may be a controller object, its methods keep their `this`.
 */
export function implement<S extends ServiceShape>(
  service: S,
  handlers: Handlers<S>,
  options: ImplementOptions<keyof S & string> = {},
): ServiceBinding {
  const methods = Object.entries(service).map(([name, shape]): BoundMethod => {
    const handler = handlers[name as keyof S] as (...args: never[]) => Promise<unknown>;
    return {
      name,
      // only generated definitions have the type that the caller's S was checked against
      path: shape.path as RpcPath,
      shape,
      handle: handler.bind(handlers),
      maxRequestBytes: options.maxRequestBytes,
      runsDuringRevocationCheck: options.runsDuringRevocationCheck?.includes(name) === true,
    };
  });
  return { service: serviceOf(methods[0]?.path ?? '/'), methods };
}
