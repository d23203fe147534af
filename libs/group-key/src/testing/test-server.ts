/** A CPNS Server that signs statements, for tests here and of those who receive them. Keys are made at test time. */
import { createDevelopmentPki, type Credentials, type DevelopmentPki } from '@cpns/certificate-issuance';
import { GroupKey, type Clock, type Random } from '@cpns/core';
import { SeededRandom } from '@cpns/core/testing';
import type { KeyObject } from 'node:crypto';
import { deriveGroupKeyCommitment } from '../envelope';
import { NO_SHARED_DIGEST, type SignedStatement, signStatement, type Statement, StatementVerifier } from '../statement';

export interface Forger {
  readonly key: KeyObject;
  /** DER, leaf to root. */
  readonly chain: readonly Buffer[];
}

export const forge = ({ key, chain }: Forger, statement: Statement): SignedStatement => ({
  statement,
  signature: signStatement(key, statement),
  chain,
});

/** A version as the tests have it: its statement and the key that it commits to. */
export interface TestVersion {
  readonly statement: Statement;
  readonly groupKey: GroupKey;
}

/** A CPNS Server of one trust domain under a root of its own. */
export class TestServer {
  readonly #random = new SeededRandom('group-key');

  constructor(
    readonly pki: DevelopmentPki,
    readonly credentials: Credentials,
    readonly clock: Clock,
  ) {}

  static async create(clock: Clock): Promise<TestServer> {
    const pki = await createDevelopmentPki({ trustDomain: 'example.org', clock });
    return new TestServer(pki, await pki.issueService('cpns-server'), clock);
  }

  /** DER */
  get root(): Buffer {
    return this.pki.root.chain[0]!;
  }

  /** As a member or a gateway has it. */
  verifier(clock: Clock = this.clock): StatementVerifier {
    return new StatementVerifier({ root: this.root, trustDomain: this.pki.trustDomain, clock });
  }

  sign(statement: Statement): SignedStatement {
    const { chain, privateKey } = this.credentials;
    return forge({ chain, key: privateKey.keyObject }, statement);
  }

  /** A new Group Key with a statement that is active from now on and sealed with for an hour, unless it says otherwise. */
  version(edit: Partial<Statement> = {}): TestVersion {
    return testVersion(this.clock.now(), this.#random, edit);
  }
}

/** As {@link TestServer.version}, without a Server. */
export function testVersion(now: number, random: Random, edit: Partial<Statement> = {}): TestVersion {
  const groupKey = new GroupKey(random.bytes(32));
  const { groupId = 'living-room', version = 1n } = edit;
  const statement = {
    groupId,
    version,
    previous: version - 1n,
    treeEpoch: 0n,
    treeRevision: 0n,
    activateAt: now,
    sealUntil: now + 3_600_000,
    commitment: deriveGroupKeyCommitment(groupKey, groupId, version),
    sharedDigest: NO_SHARED_DIGEST,
    ...edit,
  };
  return { statement, groupKey };
}
