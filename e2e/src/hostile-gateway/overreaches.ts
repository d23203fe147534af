import { randomBytes } from 'node:crypto';
import {
  DeviceCapabilitiesServiceService,
  EnrolmentServiceService,
  EntityRole,
  KeyForm,
  KeyStorage,
  LinkSecurity,
} from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { deriveKeyId, generateHpkeKeyPair } from '@cpns/key-derivation';
import {
  issued,
  minted,
  freshNonce,
  hpkeKey,
  sealAssignment,
  sealCertificateRegistration,
  sealSecretRegistration,
} from '@cpns/testing/bad-input';
import type { Attempt } from './attempt';
import { ENTITY_METHOD, type Scene } from './scene';
import { assignHonestly, inAnHour, liveSecret, registerSecretHonestly, verifyProof } from './ways';

/** Things that are not this gateway's to do. */
export const OVERREACHES: readonly Attempt[] = [
  {
    name: 'forwards a request of another PN',
    honest: assignHonestly('secret'),
    attempt: async (scene) => scene.forward((await scene.victim('secret', 'server', scene.newEntity('pn2'))).request),
    reason: 'GATEWAY_MISMATCH',
  },
  {
    name: 'forwards a request that an entity of another PN made to it',
    honest: assignHonestly('secret'),
    attempt: async (scene) => {
      const { pending, entity } = await scene.victim('secret', 'server', scene.newEntity('pn2'));
      const { tokenId, user, form } = pending.admitted;
      const draft = {
        tokenId,
        user,
        form,
        entity,
        gateway: scene.hostile.uri,
        method: ENTITY_METHOD,
        nonce: freshNonce(),
      };
      return scene.forward(sealAssignment({ ...draft, authKey: pending.authKey, key: hpkeKey() }));
    },
    reason: 'PN_MISMATCH',
  },
  {
    name: 'relays a registration of another PN',
    honest: async (scene) => liveSecret(scene, scene.foreign, 'pn2'),
    attempt: async (scene) => scene.relay(sealSecretRegistration(await scene.secretRegistration(scene.foreign, 'pn2'))),
    reason: 'PN_MISMATCH',
  },
  {
    name: 'asks about a proof of another PN',
    honest: async (scene) => verifyProof(scene, await liveSecret(scene), {}),
    attempt: async (scene) => verifyProof(scene, await liveSecret(scene, scene.foreign, 'pn2'), {}),
    reason: 'PN_MISMATCH',
  },
  {
    name: 'issues a certificate for an entity of another PN',
    honest: (scene) => registerIssued(scene, 'pn1'),
    attempt: (scene) => registerIssued(scene, 'pn2'),
    reason: 'PN_MISMATCH',
  },
  {
    name: 'reports capabilities for another PN',
    honest: (scene) => reportFor(scene, scene.hostile, 'pn1'),
    attempt: (scene) => reportFor(scene, scene.foreign, 'pn2'),
    reason: 'PN_MISMATCH',
  },
  {
    name: 'issues a certificate for an entity that the Server assigns',
    honest: (scene) => registerIssued(scene, 'pn1'),
    attempt: (scene) => registerIssued(scene, 'pn1', 'server'),
    reason: 'ISSUER_NOT_ASSIGNER',
  },
  {
    name: 'issues a certificate for an entity that another gateway assigns',
    honest: (scene) => registerIssued(scene, 'pn1'),
    attempt: (scene) => registerIssued(scene, 'pn1', 'accomplice'),
    reason: 'ISSUER_NOT_ASSIGNER',
  },
  {
    name: 'derives a key for an entity that the Server assigns',
    honest: registerSecretHonestly,
    attempt: async (scene) => {
      const { entity, pending } = await scene.victim('secret');
      const { terms, secondSeed, secret } = scene.hostile.deriveKey(entity, '', inAnHour());
      const registration = { ...terms, tokenId: pending.admitted.tokenId, secondSeed, nonce: freshNonce() };
      return scene.relay(sealSecretRegistration({ terms: registration, secret }));
    },
    reason: 'TOKEN_OTHER_ASSIGNER',
  },
  {
    name: 'uses the 1st seed of another gateway',
    honest: registerSecretHonestly,
    attempt: async (scene) => {
      const { entity, pending } = await scene.victim('secret', scene.hostile);
      const { terms, secondSeed, secret } = scene.hostile.deriveKey(entity, '', inAnHour(), scene.accomplice.seed);
      const registration = { ...terms, tokenId: pending.admitted.tokenId, secondSeed, nonce: freshNonce() };
      return scene.relay(sealSecretRegistration({ terms: registration, secret }));
    },
    reason: 'FIRST_SEED_UNKNOWN',
  },
  {
    name: 'calls for an entity with a key that is not the entity’s',
    honest: (scene) => reportFor(scene, scene.hostile, 'pn1'),
    attempt: async (scene) => report(scene, (await liveSecret(scene)).entity, randomBytes(16)),
    reason: 'KEY_UNKNOWN',
  },
  {
    name: 'admits an entity itself',
    honest: (scene) => scene.victim('secret'),
    attempt: (scene) =>
      scene.hostile.server.call(EnrolmentServiceService.admitEntity, {
        entity: scene.newEntity(),
        user: '',
        role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
        form: KeyForm.KEY_FORM_SECRET,
        assigner: '',
        tokenAuthKey: randomBytes(32),
        expiresAt: BigInt(inAnHour()),
        dnsNames: [],
        ipAddresses: [],
      }),
    reason: 'ROLE_NOT_PERMITTED',
  },
];

async function registerIssued(scene: Scene, pn: string, assigner: 'own' | 'server' | 'accomplice' = 'own') {
  const by = {
    own: pn === 'pn1' ? scene.hostile : scene.foreign,
    server: 'server' as const,
    accomplice: scene.accomplice,
  }[assigner];
  const { entity, pending } = await scene.victim('key-pair', by, scene.newEntity(pn));
  const { hostile, foreign } = scene;
  // for pn2 the certificate is of pn1's CA, which the library would not issue, and the gateway of pn2 relays it: only the chain is at fault
  const { chain, privateKey } = await (pn === 'pn1'
    ? issued(hostile.ca, { profile: 'target-entity', uri: entity })
    : minted(hostile.ca, { profile: 'target-entity', uri: entity }));
  const { privateKey: hpkeKey } = generateHpkeKeyPair(systemRandom);
  const { tokenId } = pending.admitted;
  const request = sealCertificateRegistration({ tokenId, entity, user: '', chain, privateKey, hpkeKey });
  return scene.relay(request, pn === 'pn1' ? hostile : foreign);
}

const report = (scene: Scene, entity: string, keyId: Buffer) =>
  scene.hostile.server.call(DeviceCapabilitiesServiceService.reportCapabilities, {
    entity,
    authenticatedBy: { $case: 'keyId', value: keyId },
    capabilities: {
      linkSecurity: LinkSecurity.LINK_SECURITY_NONE,
      keyStorage: KeyStorage.KEY_STORAGE_SOFTWARE,
      softwareVersion: '',
    },
  });

async function reportFor(scene: Scene, gateway: Scene['hostile'], pn: string) {
  const { entity, secret } = await liveSecret(scene, gateway, pn);
  return report(scene, entity, Buffer.from(deriveKeyId(secret), 'hex'));
}
