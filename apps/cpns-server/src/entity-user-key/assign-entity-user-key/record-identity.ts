import { CpnsError, parseEntityUri } from '@cpns/core';
import { checkMayReplace } from '@cpns/entity-user-key';
import { at } from '@cpns/store';
import type { ServerContext } from '../../context';
import type { AdmissionRecord } from '../../records/entity-records';
import { gatewayAggregate, IDENTITY } from '../../records/gateway-records';
import { addToPn } from '../../records/pn-records';

/**
 * Makes an enrolled gateway known under its E. The admission was committed before, in another aggregate: a repetition
 * comes through here again, so that a crash in between is mended by it.
 * @throws CpnsError LIVE_KEY when the gateway has a younger identity
 */
export async function recordIdentity(server: ServerContext, admission: AdmissionRecord): Promise<void> {
  const { entity, tokenId, admittedAt, certificateDigest, certificateKeyDigest, certificateNotAfter } = admission;
  if (certificateDigest === undefined || certificateKeyDigest === undefined || certificateNotAfter === undefined)
    throw new CpnsError('INTERNAL', 'an enrolled gateway has a certificate');
  // the index first: a crash in between leaves an entry that leads nowhere
  await addToPn(server.store, parseEntityUri(entity));
  await server.records.transact(gatewayAggregate(entity), { identity: at(IDENTITY) }, ({ identity }) => {
    if (identity?.tokenId === tokenId) return { result: undefined };
    checkMayReplace(identity, admittedAt, server.clock.now());
    return {
      result: undefined,
      put: {
        identity: {
          entity,
          state: 'live' as const,
          tokenId,
          admittedAt,
          enrolledAt: server.clock.now(),
          certificateDigest,
          keyDigest: certificateKeyDigest,
          notAfter: certificateNotAfter,
        },
      },
    };
  });
}

/** The identity that a gateway has. @param gateway E */
export async function identityOf(server: ServerContext, gateway: string) {
  return (await server.records.read(gatewayAggregate(gateway), { identity: at(IDENTITY) })).identity;
}
