import type { EntityName } from '@cpns/core';
import { OwnIdentity } from '@cpns/platform';

/** This PN GW, as its own certificate says; `uri` is its E. */
export abstract class OwnGateway extends OwnIdentity {
  abstract readonly name: EntityName;
  /** DER, leaf to root. */
  abstract readonly chain: readonly Buffer[];
  /** DER. */
  abstract readonly root: Buffer;
  /** PEM, for TLS. */
  abstract readonly tls: { readonly cert: string; readonly key: string; readonly ca: string };
}
