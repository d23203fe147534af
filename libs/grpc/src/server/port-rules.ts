import { allRpcPaths, rpcKind, type RpcPath } from '@cpns/contracts';
import { serviceOf } from '../definitions';
import { INFRASTRUCTURE_SERVICES, type RoleRule, type RoleTable } from '../roles';
import type { BoundMethod, ServiceBinding } from './handlers';

/** Whether a port asks its clients for a certificate, or takes tokens and proofs instead. */
export type ClientAuthentication = 'certificate' | 'none';

/** What a port does with one path. */
export type Verdict =
  | { readonly kind: 'infrastructure' }
  | { readonly kind: 'unserved' }
  | {
      readonly kind: 'served';
      readonly rules: readonly RoleRule[];
      readonly needsProof: boolean;
      /** Whether an entity calls it, which shows its Entity-User Key by a certificate or by a proof. */
      readonly isEntityCall: boolean;
      /** Whether the handler begins while the caller's standing is asked for. */
      readonly runsDuringRevocationCheck: boolean;
    };

const UNSERVED: Verdict = { kind: 'unserved' };
const INFRASTRUCTURE: Verdict = { kind: 'infrastructure' };

const infrastructure: ReadonlySet<string> = new Set(INFRASTRUCTURE_SERVICES);

/** Rules that a port of this kind can ever satisfy. */
const isTokenRule = (rule: RoleRule) => rule === 'token' || rule === 'proof';

export interface PortRulesOptions {
  readonly clients: ClientAuthentication;
  readonly services: readonly ServiceBinding[];
  readonly roles: RoleTable;
  readonly hasProofVerifier: boolean;
}

/** Decided once, when the port is made: what is wrong with a port's set of RPCs shows at start, not at the first call. */
export class PortRules {
  readonly #verdicts = new Map<string, Verdict>();
  readonly served: readonly BoundMethod[];

  /** @throws Error for an RPC that no caller of this port could ever call, or that needs a verifier which is not there */
  constructor(options: PortRulesOptions) {
    this.served = options.services.flatMap((service) => service.methods);
    for (const { path } of allRpcPaths()) this.#verdicts.set(path, UNSERVED);
    for (const method of this.served) this.#verdicts.set(method.path, this.#verdictOn(method, options));
  }

  verdict(path: string): Verdict {
    return this.#verdicts.get(path) ?? (infrastructure.has(serviceOf(path)) ? INFRASTRUCTURE : UNSERVED);
  }

  /** RPCs of the contracts that this port answers UNIMPLEMENTED to. */
  unserved(): RpcPath[] {
    return allRpcPaths()
      .map((rpc) => rpc.path)
      .filter((path) => this.#verdicts.get(path) === UNSERVED);
  }

  #verdictOn(
    { path, shape, runsDuringRevocationCheck }: BoundMethod,
    { clients, roles, hasProofVerifier }: PortRulesOptions,
  ): Verdict {
    const rules = roles[path].filter((rule) => isTokenRule(rule) === (clients === 'none'));
    if (rules.length === 0) throw new Error(`no role may call ${path} on a port with clients '${clients}'`);
    const needsProof = rules.includes('proof') && !rules.includes('token');
    if (needsProof && !hasProofVerifier) throw new Error(`${path} needs a proof verifier`);
    if (needsProof && shape.requestStream) throw new Error(`${path} sends a stream, which one proof does not cover`);
    if (runsDuringRevocationCheck && rpcKind(shape) !== 'unary')
      throw new Error(`${path} is a stream, which begins when its caller's standing is known`);
    const isEntityCall = roles[path].includes('proof');
    return { kind: 'served', rules, needsProof, isEntityCall, runsDuringRevocationCheck };
  }
}
