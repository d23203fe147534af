/** For run-service.spec.ts, in a process of its own: a KMC whose one call takes as long as it is told to. */
import { KmcServiceService } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { createServerPort, HealthMonitor, implement, type Handlers } from '@cpns/grpc';
import { identifyByName } from '@cpns/grpc/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { runService } from '../run-service';
import { settings } from '@cpns/settings';

const kmc: Handlers<typeof KmcServiceService> = {
  createKey: async () => Promise.resolve({ version: undefined }),
  createKeyVersion: async () => Promise.resolve({ version: undefined }),
  /** The version is how long to wait, milliseconds. */
  getKeyVersion: async ({ version }) => {
    await sleep(Number(version));
    return { version: undefined };
  },
  destroyKeyVersion: () => {
    setImmediate(() => {
      throw new Error('nobody caught this');
    });
    return Promise.resolve({});
  },
  destroyKey: async () => {
    void Promise.reject(new Error('nobody awaited this'));
    return Promise.resolve({});
  },
};

void runService({
  name: 'sample',
  settings: {
    listen: settings.listen().default('127.0.0.1:0'),
    cert: settings.file(),
    keyFile: settings.file(),
    root: settings.file(),
    broken: settings.flag().default(false),
  },
  build: async ({ listen, cert, keyFile, root, broken }, { logger }) => {
    const health = new HealthMonitor({ checks: [], logger });
    const port = createServerPort({
      clients: 'certificate',
      listen,
      tls: { cert: cert.content, key: keyFile.content, ca: root.content },
      identify: identifyByName,
      services: [implement(KmcServiceService, kmc)],
      logger,
      health,
    });
    const start = () =>
      broken ? Promise.reject(new CpnsError('DEPENDENCY_UNAVAILABLE', 'no store')) : Promise.resolve();
    return Promise.resolve({ ports: { certificate: port }, health, start });
  },
});
