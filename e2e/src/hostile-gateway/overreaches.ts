import { randomBytes } from 'node:crypto';
import { DeviceCapabilitiesServiceService, EnrolmentServiceService, EntityRole, KeyForm } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import { deriveKeyId, generateHpkeKeyPair } from '@cpns/key-derivation';
import {
  issued,
  minted,
  freshNonce,
  sealCertificateRegistration,
  sealSecretRegistration,
} from '@cpns/testing/bad-input';
import { CAPABILITIES } from '../support/local-device';
import { departures, type Attempt } from './attempt';
import type { Scene } from './scene';
import { assignHonestly, inAnHour, liveSecret, registerSecretHonestly } from './ways';

/** Things that are not this gateway's to do, one of each kind; the rest is bad input. */
export const OVERREACHES: readonly Attempt[] = [
  ...departures(assignHonestly('secret'), {
    'forwards a request of another PN': [
      'GATEWAY_MISMATCH',
      async (scene) => scene.forward((await scene.victim('secret', 'server', scene.newEntity('pn2'))).request),
    ],
  }),
  ...departures(async (scene) => liveSecret(scene, scene.foreign, 'pn2'), {
    'relays a registration of another PN': [
      'PN_MISMATCH',
      async (scene) => scene.relay(sealSecretRegistration(await scene.secretRegistration(scene.foreign, 'pn2'))),
    ],
  }),
  ...departures((scene) => registerIssued(scene, 'pn1'), {
    'issues a certificate for an entity of another PN': ['PN_MISMATCH', (scene) => registerIssued(scene, 'pn2')],
  }),
  ...departures((scene) => reportFor(scene, scene.hostile, 'pn1'), {
    'reports capabilities for another PN': ['PN_MISMATCH', (scene) => reportFor(scene, scene.foreign, 'pn2')],
    'calls for an entity with a key that is not the entity’s': [
      'KEY_UNKNOWN',
      async (scene) => report(scene, (await liveSecret(scene)).entity, randomBytes(16)),
    ],
  }),
  ...departures(registerSecretHonestly, {
    'derives a key for an entity that the Server assigns': [
      'TOKEN_OTHER_ASSIGNER',
      async (scene) => {
        const { entity, pending } = await scene.victim('secret');
        const { terms, secondSeed, secret } = scene.hostile.deriveKey(entity, '', inAnHour());
        const registration = { ...terms, tokenId: pending.admitted.tokenId, secondSeed, nonce: freshNonce() };
        return scene.relay(sealSecretRegistration({ terms: registration, secret }));
      },
    ],
  }),
  ...departures((scene) => scene.victim('secret'), {
    'admits an entity itself': [
      'ROLE_NOT_PERMITTED',
      (scene) =>
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
    ],
  }),
];

/** Through the gateway of that PN; for pn2 the certificate is of pn1's CA, which the library would not issue. */
async function registerIssued(scene: Scene, pn: 'pn1' | 'pn2') {
  const { hostile, foreign } = scene;
  const [gateway, make] = pn === 'pn1' ? [hostile, issued] : [foreign, minted];
  const { entity, pending } = await scene.victim('key-pair', gateway, scene.newEntity(pn));
  const { chain, privateKey } = await make(hostile.ca, { profile: 'target-entity', uri: entity });
  const { privateKey: hpkeKey } = generateHpkeKeyPair(systemRandom);
  const { tokenId } = pending.admitted;
  const request = sealCertificateRegistration({ tokenId, entity, user: '', chain, privateKey, hpkeKey });
  return scene.relay(request, gateway);
}

const report = (scene: Scene, entity: string, keyId: Buffer) =>
  scene.hostile.server.call(DeviceCapabilitiesServiceService.reportCapabilities, {
    entity,
    authenticatedBy: { $case: 'keyId', value: keyId },
    capabilities: CAPABILITIES,
  });

async function reportFor(scene: Scene, gateway: Scene['hostile'], pn: string) {
  const { entity, secret } = await liveSecret(scene, gateway, pn);
  return report(scene, entity, Buffer.from(deriveKeyId(secret), 'hex'));
}
