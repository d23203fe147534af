import type { Asn1 } from '../der/asn1';
import type { ExtensionId, ExtensionValues } from '../extensions';
import { replaced, without, type MintRequest } from './mint';

/** What is altered in a certificate before it is signed. */
export type Alteration = Partial<MintRequest>;

export const uri = (value: string) => ({ kind: 'uri', value }) as const;

/** Replaces the SAN. */
export const names = (...list: NonNullable<MintRequest['names']>): Alteration => ({ names: list });

/** Changes the extensions. */
export const extensions = (edit: (list: Asn1[]) => Asn1[]): Alteration => ({ extensions: edit });

/** Writes one extension anew. */
export const replacing = <K extends ExtensionId>(id: K, value: ExtensionValues[K], critical = true): Alteration =>
  extensions((list) => replaced(list, id, value, critical));

/** Takes one extension out. */
export const lacking = (id: ExtensionId): Alteration => extensions((list) => without(list, id));

/** Changes one field of TBSCertificate: 1 serial, 2 algorithm, 3 issuer, 4 validity, 5 subject, 6 key. */
export const field = (at: number, make: (old: Asn1) => Asn1): Alteration => ({
  fields: (list) => (list[at] = make(list[at]!)),
});
