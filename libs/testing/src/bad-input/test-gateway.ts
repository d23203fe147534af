import { createCsr, createIssuer, localSigner, type Issuer } from '@cpns/certificate-issuance';
import { newKey } from '@cpns/certificate-issuance/testing';
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { FirstSeed, NONCE_BYTES, SECRET_BYTES } from '@cpns/core';
import { deriveEntityUserKey, deriveSecondSeed } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { enrolGateway, type EnrolsGateways } from '../enrol-gateway';
import { NOWHERE } from '../service-specs';
import { credentialOf, issued, type Credential } from './credentials';
import { Wire, type WireTls } from './wire';

/** A 1st seed as a gateway holds it. */
export interface HeldSeed {
  readonly firstSeedId: string;
  readonly seed: FirstSeed;
}

const { provisionGateway } = EntityUserKeyServiceService;

/**
 * A PN GW whose keys a test holds: enrolled and provisioned by the running CPNS Server like any other, so that a test can
 * do what a gateway can, and what a hostile one would.
 */
export class TestGateway {
  /** Its identity, for connections of its own. */
  readonly tls: WireTls;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
  /** Its gateway CA. */
  readonly ca: Issuer;
  /** The gateway CA's certificate and key, for a connection that ought to be refused. */
  readonly caTls: WireTls;

  private constructor(
    /** E */
    readonly uri: string,
    identity: Pick<Credential, 'tls' | 'chain'>,
    /** Certificate port of the CPNS Server, called with its identity. */
    readonly server: Wire,
    ca: Credential,
    /** Provisioned by the Server. */
    readonly seed: HeldSeed,
  ) {
    this.tls = identity.tls;
    this.chain = identity.chain;
    this.ca = createIssuer(ca.chain, localSigner(ca.privateKey));
    this.caTls = ca.tls;
  }

  static async enrol(deployment: EnrolsGateways, pn: string, id: string): Promise<TestGateway> {
    const identity = await enrolGateway(deployment, { pn, id });
    const server = new Wire(deployment.address('cpns-server', 'certificate'), identity.tls);
    return new TestGateway(identity.uri, identity, server, await provisionCa(server), await provisionSeed(server));
  }

  /** One that no Server knows, for a test whose Server is played. */
  static async certified(issuingCa: Issuer, uri: string): Promise<TestGateway> {
    const identity = await issued(issuingCa, { profile: 'gateway-identity', uri, dnsNames: ['localhost'] });
    const ca = await issued(issuingCa, { profile: 'gateway-ca', uri });
    const firstSeedId = `seed-${randomBytes(6).toString('hex')}`;
    const seed = { firstSeedId, seed: new FirstSeed(randomBytes(SECRET_BYTES)) };
    return new TestGateway(uri, identity, new Wire(NOWHERE, identity.tls), ca, seed);
  }

  /** What a gateway derives for one (E, user) from a 1st seed of its own. */
  deriveKey(entity: string, user: string, notAfter: number, held: HeldSeed = this.seed) {
    const terms = { firstSeedId: held.firstSeedId, gateway: this.uri, entity, user, notAfter };
    const secondSeed = deriveSecondSeed(held.seed, randomBytes(NONCE_BYTES), terms);
    return { terms, secondSeed, secret: deriveEntityUserKey(held.seed, secondSeed, terms) };
  }

  close(): void {
    this.server.close();
  }
}

/** A gateway CA of its own, as a gateway asks the CPNS Server for one. */
export async function provisionCa(server: Wire): Promise<Credential> {
  const key = newKey();
  const value = await createCsr(localSigner(key));
  const { information } = await server.call(provisionGateway, { information: { $case: 'caCsr', value } });
  if (information?.$case !== 'ca') throw new Error('the Server gave no gateway CA certificate');
  return credentialOf(information.value.chain, key);
}

/** A 1st seed, as a gateway asks the CPNS Server for one. */
export async function provisionSeed(server: Wire): Promise<HeldSeed> {
  const value = { requestId: randomBytes(NONCE_BYTES) };
  const { information } = await server.call(provisionGateway, { information: { $case: 'firstSeed', value } });
  if (information?.$case !== 'firstSeed') throw new Error('the Server gave no 1st seed');
  const { firstSeedId, firstSeed } = information.value;
  return { firstSeedId, seed: new FirstSeed(firstSeed) };
}
