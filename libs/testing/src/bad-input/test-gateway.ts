import {
  createCsr,
  createIssuer,
  dersToPem,
  localSigner,
  newPrivateKey,
  privateKeyPem,
  signerFromPkcs8,
  type Issuer,
} from '@cpns/certificate-issuance';
import { EntityUserKeyServiceService } from '@cpns/contracts';
import { FirstSeed, NONCE_BYTES, SECRET_BYTES, type PrivateKeyDer } from '@cpns/core';
import { deriveEntityUserKey, deriveSecondSeed } from '@cpns/key-derivation';
import { randomBytes } from 'node:crypto';
import { enrolGateway, type EnrolsGateways } from '../enrol-gateway';
import { issued } from './credentials';
import { Wire, type WireTls } from './wire';

/** A 1st seed as a gateway holds it. */
export interface HeldSeed {
  readonly firstSeedId: string;
  readonly seed: FirstSeed;
}

const SERVER = 'cpns-server';
/** An address that nothing dials. */
const NOWHERE = '127.0.0.1:1';

/**
 * A PN GW whose keys a test holds: enrolled and provisioned by the running CPNS Server like any other, so that a test can
 * do what a gateway can, and what a hostile one would.
 */
export class TestGateway {
  private constructor(
    /** E */
    readonly uri: string,
    /** Its identity, for connections of its own. */
    readonly tls: WireTls,
    /** DER, leaf to root. */
    readonly chain: readonly Buffer[],
    /** Certificate port of the CPNS Server, called with its identity. */
    readonly server: Wire,
    /** Its gateway CA. */
    readonly ca: Issuer,
    /** The gateway CA's certificate and key, for a connection that ought to be refused. */
    readonly caTls: WireTls,
    /** Provisioned by the Server. */
    readonly seed: HeldSeed,
  ) {}

  static async enrol(deployment: EnrolsGateways, pn: string, id: string): Promise<TestGateway> {
    const { uri, tls, chain } = await enrolGateway(deployment, { pn, id });
    const server = new Wire(deployment.address(SERVER, 'certificate'), tls);
    const { ca, key } = await provisionCa(server);
    const caTls = { root: tls.root, cert: dersToPem(ca.chain), key: privateKeyPem(key) };
    return new TestGateway(uri, tls, chain, server, ca, caTls, await provisionSeed(server));
  }

  /** One that no Server knows, for a test whose Server is played. */
  static async certified(issuingCa: Issuer, uri: string): Promise<TestGateway> {
    const identity = await issued(issuingCa, { profile: 'gateway-identity', uri, dnsNames: ['localhost'] });
    const ca = await issued(issuingCa, { profile: 'gateway-ca', uri });
    const seed = {
      firstSeedId: `seed-${randomBytes(6).toString('hex')}`,
      seed: new FirstSeed(randomBytes(SECRET_BYTES)),
    };
    const server = new Wire(NOWHERE, identity.tls);
    const issuer = createIssuer(ca.chain, localSigner(ca.privateKey));
    return new TestGateway(uri, identity.tls, identity.chain, server, issuer, ca.tls, seed);
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

async function provisionCa(server: Wire): Promise<{ readonly ca: Issuer; readonly key: PrivateKeyDer }> {
  const key = newPrivateKey();
  const signer = signerFromPkcs8(key);
  const { information } = await server.call(EntityUserKeyServiceService.provisionGateway, {
    information: { $case: 'caCsr', value: await createCsr(signer) },
  });
  if (information?.$case !== 'ca') throw new Error('the Server gave no gateway CA certificate');
  return { ca: createIssuer(information.value.chain, signer), key };
}

async function provisionSeed(server: Wire): Promise<HeldSeed> {
  const { information } = await server.call(EntityUserKeyServiceService.provisionGateway, {
    information: { $case: 'firstSeed', value: { requestId: randomBytes(NONCE_BYTES) } },
  });
  if (information?.$case !== 'firstSeed') throw new Error('the Server gave no 1st seed');
  const { firstSeedId, firstSeed } = information.value;
  return { firstSeedId, seed: new FirstSeed(firstSeed) };
}
