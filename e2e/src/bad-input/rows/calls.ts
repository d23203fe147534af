/** Calls of CPNS-2 and CPNS-1 with messages that are good whenever they come from whom they are for. */
import {
  EnrolmentServiceService,
  EntityUserKeyServiceService,
  KeyStorage,
  LinkSecurity,
  PnGatewayServiceService,
  ProofServiceService,
  type PnGatewayServiceReportCapabilitiesRequest,
} from '@cpns/contracts';
import { deriveConfirmKey, deriveKeyId, sha256 } from '@cpns/key-derivation';
import { freshNonce, sealAssignment, sealProof, sealSecretRegistration } from '../../support/drafts';
import type { Wire } from '../../support/wire';
import type { Caller, Port, World } from '../world';
import { assignSecret, draftFor, RELAYED } from './assignment-stage';
import { freshSecretDraft } from './registration-stage';

/** A call, whom it is for, and a message that is good whenever it comes from there. */
export interface Call {
  readonly name: string;
  readonly at: Port;
  readonly rightful: Caller;
  /** A message of its own for each call. */
  readonly message: (world: World) => Promise<(wire: Wire) => Promise<unknown>>;
}

const { provisionGateway, assignEntityUserKey, registerEntityUserKey, listEntityUserKeys } =
  EntityUserKeyServiceService;

export const LIST_KEYS: Call = {
  name: 'ListEntityUserKeys',
  at: 'Server certificate',
  rightful: 'operator',
  message: () => Promise.resolve((wire) => wire.call(listEntityUserKeys, { pageSize: 1, pageToken: '' })),
};

export const REVOKE: Call = {
  name: 'RevokeAdmission',
  at: 'Server certificate',
  rightful: 'operator',
  message: async (world) => {
    const { tokenId, entity } = await world.admit({ form: 'secret', assigner: 'server' });
    return (wire) => wire.call(EnrolmentServiceService.revokeAdmission, { tokenId, entity });
  },
};

export const PROVISION: Call = {
  name: 'ProvisionGateway',
  at: 'Server certificate',
  rightful: 'PN GW',
  message: () => {
    const information = { $case: 'firstSeed' as const, value: { requestId: freshNonce() } };
    return Promise.resolve((wire) => wire.call(provisionGateway, { information }));
  },
};

export const ASSIGN: Call = {
  name: 'AssignEntityUserKey',
  at: 'Server certificate',
  rightful: 'PN GW',
  message: async (world) => {
    const token = await RELAYED.admit(world, { form: 'secret' });
    const request = sealAssignment(draftFor(RELAYED, world, token));
    return (wire) => wire.call(assignEntityUserKey, { request, method: RELAYED.method });
  },
};

export const REGISTER: Call = {
  name: 'RegisterEntityUserKey',
  at: 'Server certificate',
  rightful: 'PN GW',
  message: async (world) => {
    const request = sealSecretRegistration(await freshSecretDraft(world));
    return (wire) => wire.call(registerEntityUserKey, { request });
  },
};

export const VERIFY_PROOF: Call = {
  name: 'VerifyProof',
  at: 'Server certificate',
  rightful: 'PN GW',
  message: async (world) => {
    const token = await world.admit({ form: 'secret', assigner: 'server' });
    const { secret } = await assignSecret(world, token);
    const method = PnGatewayServiceService.reportCapabilities.path;
    const requestDigest = sha256(Buffer.from('a message'));
    const proof = sealProof({
      confirmKey: deriveConfirmKey(secret),
      keyId: deriveKeyId(secret),
      entity: token.entity,
      timeMs: Date.now(),
      nonce: freshNonce(),
      audience: world.probe.uri,
      method,
      requestDigest,
    });
    return (wire) => wire.call(ProofServiceService.verifyProof, { proof, method, requestDigest });
  },
};

export const CAPABILITIES: PnGatewayServiceReportCapabilitiesRequest = {
  capabilities: {
    linkSecurity: LinkSecurity.LINK_SECURITY_ENCRYPTED,
    keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
    softwareVersion: '1.0.0',
  },
};
