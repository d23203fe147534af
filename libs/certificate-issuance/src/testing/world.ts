import { systemRandom, type Clock } from '@cpns/core';
import { FakeClock } from '@cpns/core/testing';
import { issueCertificate, type IssueContext, type IssuedCertificate } from '../issue/issue-certificate';
import type { Issuer } from '../issue/issuer';
import type { IssueRequest } from '../issue/request';
import type { PublicKey } from '../keys/public-key';
import { asAuthority, createDevelopmentPki, issueCredentials, type DevelopmentPki } from '../pki/development-pki';
import { mint, newSigner } from './mint';
import type { Alteration } from './alterations';

export const TRUST_DOMAIN = 'example.org';
export const PN1 = `pn1.${TRUST_DOMAIN}`;
export const PN2 = `pn2.${TRUST_DOMAIN}`;
export const GATEWAY = `cpns://${PN1}/pn-gw/gw`;
export const OTHER_GATEWAY = `cpns://${PN2}/pn-gw/gw`;
export const CAMERA = `cpns://${PN1}/pne/camera`;
export const OTHER_CAMERA = `cpns://${PN2}/pne/camera`;
export const SERVICE = `cpns://${TRUST_DOMAIN}/service/kmc`;
export const OPERATOR = `cpns://${TRUST_DOMAIN}/operator/ann`;

/** Two Personal Networks under one root, with a gateway CA each. */
export interface TestWorld {
  readonly clock: FakeClock;
  readonly context: IssueContext & { readonly clock: Clock };
  readonly pki: DevelopmentPki;
  readonly root: Buffer;
  readonly gatewayCa: Issuer;
  readonly otherGatewayCa: Issuer;
  /** A key for leaves, whose private half no test needs. */
  readonly leafKey: PublicKey;
}

/** Of the tests of a file, which {@link eachTestWorld} makes. */
export let world: TestWorld;

export function eachTestWorld(): void {
  beforeAll(async () => {
    world = await createTestWorld();
  });
}

async function createTestWorld(): Promise<TestWorld> {
  const clock = new FakeClock();
  const context = { clock, random: systemRandom };
  const pki = await createDevelopmentPki({ trustDomain: TRUST_DOMAIN, clock });
  const gatewayCa = async (uri: string): Promise<Issuer> =>
    asAuthority(await issueCredentials(pki.issuingCa, { profile: 'gateway-ca', uri }, context)).issuer;
  return {
    clock,
    context,
    pki,
    root: pki.root.chain[0]!,
    gatewayCa: await gatewayCa(GATEWAY),
    otherGatewayCa: await gatewayCa(OTHER_GATEWAY),
    leafKey: newSigner().publicKey,
  };
}

export type Authority = 'root' | 'issuing' | 'server' | 'gateway';

export const issuerOf = (authority: Authority): Issuer => {
  const { pki, gatewayCa } = world;
  const { issuer: root } = pki.root;
  return { root, issuing: pki.issuingCa.issuer, server: pki.serverEntityCa.issuer, gateway: gatewayCa }[authority];
};

/** What the authority issues for {@link TestWorld.leafKey}, unless the request has another. */
export const issue = (authority: Authority, request: object): Promise<IssuedCertificate> =>
  issueCertificate(issuerOf(authority), { key: world.leafKey, ...request } as IssueRequest, world.context);

/** A leaf, of the camera unless it is altered, that the authority signed without a question; with the chain above it. */
export async function mintChain(authority: Authority, edit: Alteration = {}): Promise<readonly Buffer[]> {
  const issuer = issuerOf(authority);
  const leaf = await mint(issuer, { profile: 'target-entity', key: world.leafKey, uri: CAMERA, ...edit });
  return [leaf, ...issuer.chain];
}
