/** What devices try with keys and messages of a group, and what comes of it: results of their processes, nothing else. */
import type { DeviceAnswer, DeviceCommand, DeviceSession } from '@cpns/testing';

/** Of a device's process, what gives it a command. */
type Commanded = Pick<DeviceSession, 'command'>;

/** One try that is due to succeed, or to be refused for a reason. */
export interface Trial {
  readonly group: string;
  /** id of the device. */
  readonly who: string;
  readonly does: string;
  /** What has to come of it; more than one where two rules refuse it, and either may be asked first. */
  readonly due: readonly string[];
  /** What came of it. */
  readonly got: string;
}

export const isAsDue = ({ due, got }: Trial): boolean => due.includes(got);

export const OPENED = 'opened';

/** What came of opening a message: `opened` only for the very bytes that were sealed. */
export async function openResult(session: Commanded, message: string, sealed: string): Promise<string> {
  const answer = await session.command({ command: 'open', message });
  if (!answer.ok) return answer.reason;
  return answer.data === sealed ? OPENED : 'other data';
}

/** The reason why a command was refused, or `accepted`. */
export async function refusalOf<C extends DeviceCommand>(session: Commanded, command: C): Promise<string> {
  const answer: DeviceAnswer<C['command']> = await session.command(command);
  return answer.ok ? 'accepted' : answer.reason;
}
