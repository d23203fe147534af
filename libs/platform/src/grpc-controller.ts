import { serviceOf, type Handlers, type ImplementOptions, type MethodShape, type ServiceShape } from '@cpns/grpc';
import { Controller } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { MessagePattern, Transport } from '@nestjs/microservices';

/** What the transport needs to know of a handler; Nest carries it as the extras of the pattern, which is the RPC's path. */
export interface RpcExtras extends ImplementOptions {
  readonly name: string;
  readonly shape: MethodShape;
}

/**
 * Makes a class the Nest controller of a generated service definition: each of its methods answers the RPC of its name.
 * The compiler refuses a class that lacks an RPC, or that answers one with another message.
 * @throws Error when the class is declared: for a method without a parameter decorator, whose argument Nest would drop
 */
export const GrpcController =
  <S extends ServiceShape>(definition: S, options: ImplementOptions<keyof S & string> = {}) =>
  (target: new (...dependencies: never[]) => Handlers<S>): void => {
    Controller()(target);
    for (const [name, shape] of Object.entries(definition)) {
      const method = Object.getOwnPropertyDescriptor(target.prototype, name);
      if (method === undefined) throw new Error(`${target.name} does not answer ${shape.path}`);
      checkParameters(target, name, method.value as (...args: never[]) => unknown);
      const extras: RpcExtras = { ...options, name, shape };
      MessagePattern(shape.path, Transport.GRPC, extras)(target.prototype as object, name, method);
    }
  };

function checkParameters(target: { readonly name: string }, name: string, method: (...args: never[]) => unknown): void {
  const decorated = Object.keys((Reflect.getMetadata(ROUTE_ARGS_METADATA, target, name) ?? {}) as object).length;
  if (decorated !== method.length)
    throw new Error(`${target.name}.${name} has a parameter with neither @Payload() nor @Ctx()`);
}

/** `cpns.v1.KmcService` */
export const serviceOfRpc = ({ shape }: RpcExtras): string => serviceOf(shape.path);
