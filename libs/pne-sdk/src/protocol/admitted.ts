/** What an entity knows of its own admission once its one-time string was read (protocol.md, "Admission"). */
import { EntityUserKeyServiceService, PnGatewayServiceService } from '@cpns/contracts';
import { invalidArgument, permissionDenied, parseEntityUri, parseIdentityUri, samePn, serviceUri } from '@cpns/core';
import type { AdmittedRole } from '@cpns/entity-user-key';
import type { KeyForm, OneTimeString } from '@cpns/key-derivation';

/** An admission as the entity keeps it: without T, and with the root itself in place of its digest. */
export interface Admitted {
  readonly tokenId: string;
  /** E */
  readonly entity: string;
  /** User-id, or the empty string. */
  readonly user: string;
  readonly form: KeyForm;
  /** `pn-gw` for a PN GW that enrols itself at the Server; a target PN GW is a target entity. */
  readonly role: AdmittedRole;
  /** URI of the peer that is called: an intermediate PN GW, or the CPNS Server. */
  readonly peer: string;
  /** `host:port` of that peer's token port. */
  readonly endpoint: string;
  /** The one trusted root certificate, DER. */
  readonly root: Buffer;
}

/** Full gRPC paths that an entity calls. The first request names its path in its MAC (protocol.md, "Admission"). */
export const METHODS = {
  assign: PnGatewayServiceService.assignEntityUserKey.path,
  enrolGateway: EntityUserKeyServiceService.assignEntityUserKey.path,
} as const;

/** Where a request for an Entity-User Key goes, as its MAC has it. */
export interface RequestRoute {
  /** Path that the entity calls. */
  readonly method: string;
  /** E of the gateway that is called; a gateway that enrols itself puts its own. */
  readonly gateway: string;
}

export const routeOf = ({ role, entity, peer }: Pick<Admitted, 'role' | 'entity' | 'peer'>): RequestRoute =>
  role === 'pn-gw' ? { method: METHODS.enrolGateway, gateway: entity } : { method: METHODS.assign, gateway: peer };

/** URI of the CPNS Server of an entity's trust domain. */
export const serverUriOf = (entity: string): string => serviceUri(parseEntityUri(entity).trustDomain, 'cpns-server');

/** True for the one-time string of a PN GW that enrols itself at the Server. */
export const enrolsGateway = ({ peer, entity }: Pick<OneTimeString, 'peer' | 'entity'>): boolean =>
  peer === serverUriOf(entity);

/**
 * Reads from a one-time string who its holder is to become: its peer is the CPNS Server for a gateway that enrols
 * itself, and a PN GW of the same PN for everyone else.
 * @param root DER, found by {@link fetchRoot}
 * @throws CpnsError NAME_INVALID when the peer is another service; TRUST_DOMAIN, PN_MISMATCH; FIELD_OUT_OF_RANGE when a
 *   gateway would enrol with a secret, or a PNE as a gateway
 */
export function admittedBy(oneTime: OneTimeString, root: Buffer): Admitted {
  const { tokenId, user, form, peer, endpoint } = oneTime;
  const entity = parseEntityUri(oneTime.entity);
  const called = parseIdentityUri(peer, 'peer');
  if (called.trustDomain !== entity.trustDomain)
    throw permissionDenied('TRUST_DOMAIN', 'the one-time string names a peer of another trust domain');
  const common = { tokenId, entity: entity.uri, user, form, peer, endpoint, root };
  if (called.kind === 'entity') {
    if (!samePn(entity, called))
      throw permissionDenied('PN_MISMATCH', 'the one-time string names a PN GW of another Personal Network');
    return { ...common, role: 'target-entity' };
  }
  if (!enrolsGateway(oneTime))
    throw invalidArgument('NAME_INVALID', 'the one-time string names a service that assigns no keys', {
      metadata: { field: 'peer' },
    });
  if (entity.entityType !== 'pn-gw' || form !== 'key-pair' || user !== '')
    throw invalidArgument(
      'FIELD_OUT_OF_RANGE',
      'only a PN GW enrols at the Server itself, without a user, by a key pair',
      {
        metadata: { field: 'form' },
      },
    );
  return { ...common, role: 'pn-gw' };
}
