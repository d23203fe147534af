import type { CheckedRegistration } from '@cpns/contracts';
import { emitStep, type CarriedField } from '@cpns/telemetry';

const SECRET: readonly CarriedField[] = [
  'first_seed_id',
  'gateway',
  'not_after',
  'second_seed',
  'nonce',
  'confirmation',
];
const CERTIFICATE: readonly CarriedField[] = ['chain', 'hpke_public_key', 'signature'];

/**
 * EUK-GW-VERIFY steps 2 and 3, once the registration was found good.
 * @param fresh false for a repetition: the message came, nothing was derived
 */
export function reportRegistered(
  server: string,
  gateway: string,
  request: CheckedRegistration,
  fresh: boolean,
  startedAt: number,
): void {
  const flow = 'EUK-GW-VERIFY';
  const form = request.form === 'secret' ? SECRET : CERTIFICATE;
  emitStep({ flow, step: 2, from: gateway, to: server, carried: ['token_id', 'entity', 'user', ...form], startedAt });
  if (fresh) emitStep({ flow, step: 3, from: server, to: server, carried: ['key_id'], startedAt });
}
