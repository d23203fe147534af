import { type Clock, parseEntityUri } from '@cpns/core';
import { StatementVerifier, type Member } from '@cpns/group-key';
import type { LiveKey } from '../state/device-state';

/** This device as a member of its groups: what deliveries are for, and whom they are believed. */
export interface GroupMember extends Member {
  /** E of the PN GW that deliveries come through. */
  readonly gateway: string;
  /** Of the CPNS Server of the own trust domain, under the device's root. */
  readonly verifier: StatementVerifier;
}

/** Keeps the verifier while the root is the same, so that a signer's chain is verified once. */
export function memberSource(liveKey: () => LiveKey, clock: Clock): () => GroupMember {
  let known: { readonly live: LiveKey; readonly trustDomain: string; readonly member: GroupMember } | undefined;
  return () => {
    const live = liveKey();
    if (known?.live === live) return known.member;
    const { entity, secret, keyId, gateway, root } = live;
    const { trustDomain } = parseEntityUri(entity);
    const same = known?.live.root.equals(root) === true && known.trustDomain === trustDomain;
    const verifier =
      same && known !== undefined ? known.member.verifier : new StatementVerifier({ root, trustDomain, clock });
    const member = { entity, secret, keyId, gateway, verifier };
    known = { live, trustDomain, member };
    return member;
  };
}
