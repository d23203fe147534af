import { sha256 } from '@cpns/key-derivation';
import { fetchRoot } from '@cpns/pne-sdk';
import { departures, type Attempt } from './attempt';
import { ownGroupKey } from './group-forgeries';
import { ENTITY_METHOD, type Scene } from './scene';
import { accepted, assignHonestly, forgedPairwise, forgerOf, registerHonestly } from './ways';

const serverOf = ({ deployment }: Scene) => forgerOf(deployment.pki.services['cpns-server']);

/** What a gateway could try with a second CPNS Server, of another operator. */
export const ELSEWHERE: readonly Attempt[] = [
  ...departures(assignHonestly('secret'), {
    'relays a request to another Server': [
      'TRUST_DOMAIN',
      async (scene, other) => other.forward((await scene.victim('secret')).request, ENTITY_METHOD),
    ],
  }),
  ...departures(registerHonestly, {
    'relays a registration to another Server': [
      'TRUST_DOMAIN',
      async (scene, other) => other.relay((await scene.assignedVictim()).registration),
    ],
    'answers a registration with what another Server signed': [
      'CERTIFICATE_CHAIN',
      async (scene, other) => {
        const victim = await scene.assignedVictim();
        return accepted(victim, forgedPairwise(serverOf(other), victim));
      },
    ],
  }),
  ...departures((scene) => rootThrough(scene, scene), {
    'stands under another root than the one-time string names': ['PEER_UNEXPECTED', rootThrough],
  }),
  ...departures(async (scene) => (await scene.bystander('hostile')).pull(), {
    'makes a Group Key and has another Server state it': [
      'CERTIFICATE_CHAIN',
      async (scene, other) => {
        const victim = await scene.member({ assigner: 'hostile' });
        return victim.pullThrough((delivery) => ownGroupKey(victim, delivery, serverOf(other)));
      },
    ],
  }),
];

function rootThrough(scene: Scene, other: Scene) {
  return fetchRoot(other.deployment.address('pn1/honest', 'token'), sha256(scene.deployment.pki.rootDer));
}
