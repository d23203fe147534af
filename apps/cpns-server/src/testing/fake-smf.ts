import { RevocationKind, type EndMembershipsRequest, type EndMembershipsResponse } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import type { SmfMethods } from '../smf/smf';

/** An SMF in memory that takes entities out of the groups that a test says they are in, and is away when it is told to. */
export class FakeSmf implements SmfMethods {
  /** Ids of the groups of each entity, by E. */
  readonly groups = new Map<string, readonly string[]>();
  /** What was asked, in order. */
  readonly requests: EndMembershipsRequest[] = [];
  isAway = false;
  /** It is at work on what it was asked still. */
  isBusy = false;

  endMemberships: SmfMethods['endMemberships'] = async (request): Promise<EndMembershipsResponse> => {
    this.requests.push(request);
    await Promise.resolve();
    if (this.isAway) throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'the SMF does not answer');
    const names = [...new Set(request.members.flatMap(({ entity }) => this.groups.get(entity) ?? []))];
    return { groups: { count: names.length, names }, complete: !this.isBusy };
  };

  /** Whom it was told of, as `revoke E life revision`, without dry runs and each once. */
  get told(): readonly string[] {
    const lines = this.requests.flatMap(({ kind, keepGrace, dryRun, members }) =>
      members.map(({ entity, life, revision }) =>
        dryRun ? '' : `${NAMES[kind] ?? ''}${keepGrace ? ' with grace' : ''} ${entity} ${life} ${revision}`,
      ),
    );
    return [...new Set(lines)].filter((line) => line !== '');
  }
}

const NAMES: Readonly<Record<number, string>> = {
  [RevocationKind.REVOCATION_KIND_REVOKE]: 'revoke',
  [RevocationKind.REVOCATION_KIND_SUSPEND]: 'suspend',
  [RevocationKind.REVOCATION_KIND_RESUME]: 'resume',
};
