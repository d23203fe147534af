import { boolean, octetsAround, oid, sequence, type Asn1 } from '../der/asn1';

/** One X.509 extension: how its value is written and read. */
export interface ExtensionCodec<T> {
  readonly oid: Parameters<typeof oid>[0];
  encode(value: T): Asn1;
  /** @throws DerError when the bytes are not the extension's, or not in DER */
  decode(content: Asn1): T;
}

/** An extension as it stands in a certificate. */
export interface Marked<T> {
  readonly critical: boolean;
  readonly value: T;
}

/** Extension of RFC 5280, 4.1; DER leaves `critical` out when it is false. */
export function extensionNode<T>(codec: ExtensionCodec<T>, value: T, critical: boolean): Asn1 {
  const content = octetsAround(codec.encode(value));
  return critical ? sequence(oid(codec.oid), boolean(true), content) : sequence(oid(codec.oid), content);
}
