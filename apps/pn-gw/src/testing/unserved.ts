import { CpnsError } from '@cpns/core';
import type { ClientMethods, ServiceShape } from '@cpns/grpc';

/** A peer that answers only what a test says; whatever else is called shows in the test as what it is. */
export function peerWith<S extends ServiceShape>(
  service: S,
  methods: Partial<ClientMethods<S>> = {},
): ClientMethods<S> {
  const others = Object.keys(service).map((name) => [
    name,
    () => {
      throw new CpnsError('UNIMPLEMENTED', `nobody expected a call of ${name}`);
    },
  ]);
  return { ...(Object.fromEntries(others) as ClientMethods<S>), ...methods };
}
