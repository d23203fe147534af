import type { OpenNoticeChannelResponse } from '@cpns/contracts';
import { invalidArgument } from '@cpns/core';

/** Puts the parts of a notice together: each has all that the notice says, and some of the members. */
export class NoticeParts {
  #members: string[] = [];
  #expected = 0;

  /** @returns the notice with all its members, with its last part @throws CpnsError FIELD_OUT_OF_RANGE `part` */
  add(response: OpenNoticeChannelResponse): OpenNoticeChannelResponse | undefined {
    const { notice } = response;
    if (notice === undefined) return response;
    // what was cut off begins anew
    if (notice.part === 0) [this.#members, this.#expected] = [[], 0];
    if (notice.part !== this.#expected)
      throw invalidArgument('FIELD_OUT_OF_RANGE', `part ${notice.part} came in the place of part ${this.#expected}`, {
        metadata: { field: 'part' },
      });
    this.#expected += 1;
    for (const member of notice.members) this.#members.push(member);
    return notice.more ? undefined : { ...response, notice: { ...notice, members: this.#members } };
  }
}
