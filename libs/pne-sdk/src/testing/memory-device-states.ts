import { CpnsError } from '@cpns/core';
import type { GroupStates } from '../group-key/group-state';
import { NEW_DEVICE, type DeviceContent, type DeviceState, type DeviceStates } from '../state/device-state';

/** The end of a process, as a test plays it. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** At which commit, counted from 1, a process ends, and whether the commit was still made. */
export interface CrashPoint {
  readonly commit: number;
  readonly when: 'before' | 'after';
}

/** A device's state in memory, which can end the process at any commit. */
export class MemoryDeviceStates implements DeviceStates {
  /** What is durable. */
  stored: DeviceState = NEW_DEVICE;
  /** Commits made, over all lives of the process. */
  commits = 0;
  crashAt: CrashPoint | undefined;
  /** Told of each commit before it is made. */
  onCommit: (() => void) | undefined;

  /** @param groups of a store, where a test uses them */
  constructor(readonly groups = {} as GroupStates) {}

  read(): Promise<DeviceState> {
    return Promise.resolve(this.stored);
  }

  replace(before: DeviceState, next: DeviceContent): Promise<DeviceState> {
    const attempt = this.commits + 1;
    this.onCommit?.();
    if (this.crashAt?.commit === attempt && this.crashAt.when === 'before') return this.crash();
    if (before.serial !== this.stored.serial) return Promise.reject(new CpnsError('CONFLICT', 'another was faster'));
    this.commits = attempt;
    this.stored = { ...next, serial: before.serial + 1 };
    return this.crashAt?.commit === attempt ? this.crash() : Promise.resolve(this.stored);
  }

  private crash(): Promise<never> {
    this.crashAt = undefined;
    return Promise.reject(new Crash('the process ended here'));
  }
}
