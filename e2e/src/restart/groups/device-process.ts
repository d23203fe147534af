import type { Device, DeviceAnswer, DeviceCommand, DeviceSession } from '@cpns/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAIN_GATEWAY, PATIENCE_MS, PN, type House } from '../house';

const POLL_MS = 25;
/** What a gateway, or the Server behind it, says while it is away. */
const PASSING = ['DEPENDENCY_UNAVAILABLE', 'DEADLINE', 'CONFLICT'];

/** A device that is a process of its own, may be killed, and does what it is told. */
export class DeviceProcess {
  private constructor(
    private readonly device: Device,
    private session: DeviceSession,
  ) {}

  static async provision({ deployment }: House): Promise<DeviceProcess> {
    const entity = deployment.entity(PN, 'pne', 'process');
    const device = await deployment.prepareDevice({
      entity,
      form: 'secret',
      assigner: 'server',
      gateway: MAIN_GATEWAY,
    });
    return new DeviceProcess(device, await device.open());
  }

  /** E */
  get entity(): string {
    return this.device.entity;
  }

  /** Once, by whichever process is there. @throws Error when that dies before it answers */
  give<C extends DeviceCommand>(command: C): Promise<DeviceAnswer<C['command']>> {
    return this.session.command(command);
  }

  /** Until it is done. @throws Error with the reason of a refusal that trying again is no answer to */
  async must<C extends DeviceCommand>(command: C): Promise<Extract<DeviceAnswer<C['command']>, { readonly ok: true }>> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer: DeviceAnswer<C['command']> = await this.give(command);
      if (answer.ok) return answer;
      if (!PASSING.includes(answer.reason) || Date.now() > until)
        throw new Error(`${this.entity} was refused ${command.command}: ${answer.reason}: ${answer.message}`);
      await sleep(POLL_MS);
    }
  }

  /** Starts it again. The command that its death interrupted is the first that it does, and its answer nobody's. */
  async revive(): Promise<void> {
    this.session = await this.device.open();
  }
}
