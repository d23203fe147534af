import { toSeconds } from '../der/time';
import { encode } from '../der/asn1';
import { keyIdentifierOf } from '../extensions/subject-key-identifier';
import { authorityName, certificateDer, tbsNode, type TbsFields } from '../issue/build-tbs';
import { BACKDATING, enforceRules, type IssueContext } from '../issue/issue-certificate';
import { newSerial } from '../issue/serial';
import { issuingAlgorithmNode } from '../keys/signature-algorithm';
import type { Signer } from '../keys/signer';
import { PROFILES } from '../profiles/profiles';

/**
 * A self-signed root, DER.
 * @param notAfter Unix milliseconds; cut to what the profile allows
 */
export async function issueRoot(signer: Signer, context: IssueContext, notAfter = Infinity): Promise<Buffer> {
  const profile = PROFILES['root-ca'];
  const now = context.clock.now();
  const fields: TbsFields = {
    profile,
    key: signer.publicKey,
    serial: newSerial(context.random),
    notBefore: toSeconds(now - BACKDATING),
    notAfter: toSeconds(Math.min(notAfter, now + profile.maxLifetime)),
    uri: undefined,
    dnsNames: [],
    ipAddresses: [],
  };
  const algorithm = issuingAlgorithmNode(signer.publicKey.kind);
  const issuerName = authorityName(profile, keyIdentifierOf(signer.publicKey.bits));
  const node = tbsNode({ issuerName, algorithm }, fields);
  enforceRules(undefined, profile, fields, node);
  const tbs = encode(node);
  return certificateDer(tbs, algorithm, await signer.sign(tbs));
}
