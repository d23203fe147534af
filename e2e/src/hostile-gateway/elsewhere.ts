import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pemToDers } from '@cpns/certificate-issuance';
import { systemClock, systemRandom } from '@cpns/core';
import { deriveKeyId, offerPairwise, pairwiseStatement, sha256, signBytes, hpkePublicKey } from '@cpns/key-derivation';
import { registrationReply } from '@cpns/contracts';
import { acceptRegistration, fetchRoot } from '@cpns/pne-sdk';
import type { Attempt } from './attempt';
import { forgerOf, ownGroupKey } from './group-forgeries';
import { ENTITY_METHOD, type Scene } from './scene';
import { assignHonestly, registerHonestly } from './ways';

/** What a gateway could try with a second CPNS Server, of another operator: `other` is a whole deployment of its own. */
export const elsewhere = (other: Scene): readonly Attempt[] => [
  {
    name: 'relays a request to another Server',
    honest: assignHonestly('secret'),
    attempt: async (scene) => other.forward((await scene.victim('secret')).request, ENTITY_METHOD),
    reason: 'TRUST_DOMAIN',
  },
  {
    name: 'relays a registration to another Server',
    honest: registerHonestly,
    attempt: async (scene) => other.relay((await scene.assignedVictim()).registration),
    reason: 'TRUST_DOMAIN',
  },
  {
    name: 'answers a registration with what another Server signed',
    honest: registerHonestly,
    attempt: async (scene) => {
      const { entity, pending, assigned, registering } = await scene.assignedVictim();
      if (assigned.form !== 'key-pair' || registering.form !== 'key-pair') throw new Error('another form');
      const [certificate] = assigned.chain;
      if (certificate === undefined) throw new Error('no certificate');
      const hpkeKey = hpkePublicKey(registering.hpkeKey);
      const { enc, secret } = offerPairwise({ entity, user: '', certificate }, hpkeKey, systemRandom);
      const files = other.deployment.pki.services['cpns-server'];
      const key = createPrivateKey(readFileSync(files.key));
      const reply = registrationReply({
        form: 'key-pair',
        keyId: Buffer.from(deriveKeyId(secret), 'hex'),
        enc,
        signature: signBytes(key, pairwiseStatement({ entity, certificate, hpkeKey, enc })),
        chain: pemToDers(readFileSync(files.chain, 'utf8')),
      });
      return acceptRegistration(pending.admitted, assigned, registering, reply, systemClock.now());
    },
    reason: 'CERTIFICATE_CHAIN',
  },
  {
    name: 'stands under another root than the one-time string names',
    honest: (scene) => fetchRoot(scene.deployment.address('pn1/honest', 'token'), sha256(scene.deployment.pki.rootDer)),
    attempt: (scene) =>
      fetchRoot(other.deployment.address('pn1/honest', 'token'), sha256(scene.deployment.pki.rootDer)),
    reason: 'PEER_UNEXPECTED',
  },
  {
    name: 'makes a Group Key and has another Server state it',
    honest: async (scene) => (await scene.groups.bystander('hostile')).pull(),
    attempt: async (scene) => {
      const victim = await scene.groups.victim({ assigner: 'hostile' });
      const forger = forgerOf(other.deployment.pki.services['cpns-server']);
      return victim.pullThrough((delivery) => ownGroupKey(victim, delivery, forger));
    },
    reason: 'CERTIFICATE_CHAIN',
  },
];
