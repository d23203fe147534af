import {
  children,
  contextBytes,
  contextOf,
  contextValue,
  DerError,
  isContext,
  sequence,
  sequenceOf,
  type Asn1,
} from '../der/asn1';
import { OID } from '../der/oids';
import type { ExtensionCodec } from './extension';

/** A GeneralSubtree without minimum and maximum, which RFC 5280 fixes at their defaults. */
export interface Subtree {
  readonly kind: 'mail' | 'dns' | 'uri' | 'ip';
  /** A host, or for `ip` address and mask in hex; the empty string is every name of its kind. */
  readonly value: string;
}

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

const TAGS = { mail: 1, dns: 2, uri: 6, ip: 7 } as const;
const KINDS = ['mail', 'dns', 'uri', 'ip'] as const;

const encodeSubtree = ({ kind, value }: Subtree): Asn1 =>
  sequence(contextBytes(TAGS[kind], Buffer.from(value, kind === 'ip' ? 'hex' : 'latin1')));

function decodeSubtree(node: Asn1): Subtree {
  const [base] = sequenceOf(node, 'subtree', 1);
  const kind = KINDS.find((known) => isContext(base, TAGS[known], false));
  if (kind === undefined) throw new DerError('subtree of another kind of name');
  return { kind, value: contextValue(base, TAGS[kind], 'subtree').toString(kind === 'ip' ? 'hex' : 'latin1') };
}

/** RFC 5280, 4.2.1.10. */
export const nameConstraints: ExtensionCodec<NameConstraints> = {
  oid: OID.nameConstraints,

  encode({ permitted, excluded }) {
    const trees = [
      ...(permitted.length > 0 ? [contextOf(0, ...permitted.map(encodeSubtree))] : []),
      ...(excluded.length > 0 ? [contextOf(1, ...excluded.map(encodeSubtree))] : []),
    ];
    return sequence(...trees);
  },

  decode(content) {
    const fields = sequenceOf(content, 'name constraints');
    const permitted = fields.find((node) => isContext(node, 0, true));
    const excluded = fields.find((node) => isContext(node, 1, true));
    const known = [permitted, excluded].filter((node) => node !== undefined);
    if (fields.length === 0 || fields.some((node, i) => node !== known[i])) throw new DerError('name constraints');
    const trees = known.map((node) => children(node, 'subtrees').map(decodeSubtree));
    if (trees.some((list) => list.length === 0)) throw new DerError('an empty list of subtrees');
    return {
      permitted: permitted === undefined ? [] : (trees[0] ?? []),
      excluded: excluded === undefined ? [] : (trees.at(-1) ?? []),
    };
  },
};

/** A host that no name ever has (RFC 6761, 6.4). */
const NO_HOST = 'invalid';

/**
 * What a gateway's authority may name: URIs whose host is exactly its Personal Network, and nothing else. RFC 5280 and
 * OpenSSL take a host without a leading dot for that host alone.
 *
 * Mail names take three subtrees. An excluded empty host is every one to Go and to the letter of RFC 5280, and none to
 * OpenSSL, which compares whole hosts; for that, one host is permitted, and the same one excluded.
 * @param pn `<pn-id>.<trust-domain>`
 */
export const personalNetworkOnly = (pn: string): NameConstraints => ({
  permitted: [
    { kind: 'uri', value: pn },
    { kind: 'mail', value: NO_HOST },
  ],
  excluded: [
    { kind: 'dns', value: '' },
    { kind: 'ip', value: '00'.repeat(8) },
    { kind: 'ip', value: '00'.repeat(32) },
    { kind: 'mail', value: '' },
    { kind: 'mail', value: NO_HOST },
  ],
});
