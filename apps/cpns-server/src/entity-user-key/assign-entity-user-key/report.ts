import type { CheckedAssignment } from '@cpns/contracts';
import { emitStep } from '@cpns/telemetry';

export const flowOf = (request: CheckedAssignment) => (request.csr === undefined ? 'EUK-SRV-S' : 'EUK-SRV-P');

/**
 * EUK-SRV-S/P steps 2 and 3, once the request was found good.
 * @param fresh false for a repetition: the message came, nothing was created
 */
export function reportAssigned(
  server: string,
  gateway: string,
  request: CheckedAssignment,
  fresh: boolean,
  startedAt: number,
): void {
  const flow = flowOf(request);
  const key = flow === 'EUK-SRV-S' ? 'hpke_public_key' : 'csr';
  emitStep({
    flow,
    step: 2,
    from: gateway,
    to: server,
    carried: ['token_id', 'entity', 'user', 'gateway', 'form', key, 'nonce', 'mac', 'method'],
    startedAt,
  });
  if (fresh)
    emitStep({
      flow,
      step: 3,
      from: server,
      to: server,
      carried: [flow === 'EUK-SRV-S' ? 'entity_user_key' : 'certificate'],
      startedAt,
    });
}
