/** For tracing.spec.ts, in a process of its own: emits so many steps to the collector, flushes and ends. */
import { createLogger, emitStep, startTelemetry } from '..';

const [endpoint = '', count = '0'] = process.argv.slice(2);

async function main(): Promise<void> {
  const telemetry = startTelemetry({ service: 'kmc', endpoint, logger: createLogger({ service: 'kmc' }) });
  for (let done = 0; done < Number(count); done += 1)
    emitStep({ flow: 'EUK-SRV-S', step: 1, from: 'a', to: 'b', carried: ['nonce'] });
  await telemetry.flush();
  await telemetry.shutdown();
}

void main();
