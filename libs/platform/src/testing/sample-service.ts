/** For bootstrap.spec.ts, in a process of its own: a KMC whose one call takes as long as it is told to. */
import 'reflect-metadata';
import { KmcServiceService, type GetKeyVersionRequest } from '@cpns/contracts';
import { CpnsError } from '@cpns/core';
import { HealthMonitor, type Handlers } from '@cpns/grpc';
import { identifyByName } from '@cpns/grpc/testing';
import { settings } from '@cpns/settings';
import { Logger } from '@cpns/telemetry';
import {
  Injectable,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { setTimeout as sleep } from 'node:timers/promises';
// not the whole library: a child process compiles what it loads
import { bootstrap } from '../bootstrap';
import { configOf } from '../common-config';
import { GrpcController } from '../grpc-controller';
import { GrpcTransport } from '../grpc-transport';

class SampleConfig extends configOf({
  listen: settings.listen().default('127.0.0.1:0'),
  cert: settings.file(),
  keyFile: settings.file(),
  root: settings.file(),
  fault: settings.text('the name of a fault', /^[a-z-]+$/).default('none'),
}) {}

@GrpcController(KmcServiceService)
class SampleController implements Handlers<typeof KmcServiceService> {
  async createKey() {
    return Promise.resolve({ version: undefined });
  }

  async createKeyVersion() {
    return Promise.resolve({ version: undefined });
  }

  /** The version is how long to wait, milliseconds. */
  async getKeyVersion(@Payload() { version }: GetKeyVersionRequest) {
    await sleep(Number(version));
    return { version: undefined };
  }

  destroyKeyVersion() {
    setImmediate(() => {
      throw new Error('nobody caught this');
    });
    return Promise.resolve({});
  }

  async destroyKey() {
    void Promise.reject(new Error('nobody awaited this'));
    return Promise.resolve({});
  }
}

const health = {
  provide: HealthMonitor,
  inject: [Logger],
  useFactory: (logger: Logger) => new HealthMonitor({ checks: [], logger }),
};

const transport = {
  provide: GrpcTransport,
  inject: [SampleConfig, HealthMonitor, Logger],
  useFactory: ({ listen, cert, keyFile, root, stopGrace }: SampleConfig, monitor: HealthMonitor, logger: Logger) =>
    new GrpcTransport({
      ports: {
        certificate: {
          clients: 'certificate',
          listen,
          tls: { cert: cert.content, key: keyFile.content, ca: root.content },
          identify: identifyByName,
          logger,
          health: monitor,
        },
      },
      graceMs: stopGrace,
    }),
};

/** Needs what no module provides. */
@Injectable()
class Needy {
  constructor(readonly missing: Map<string, string>) {}
}

@Module({
  controllers: [SampleController],
  providers: [health, transport, ...(process.env.CPNS_FAULT === 'provider' ? [Needy] : [])],
})
class SampleModule implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  constructor(
    private readonly config: SampleConfig,
    private readonly monitor: HealthMonitor,
    private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.config.fault === 'slow-start') {
      this.logger.info('starting slowly');
      await sleep(60_000);
    }
    if (this.config.fault === 'start') throw new CpnsError('DEPENDENCY_UNAVAILABLE', 'no store');
    await this.monitor.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.monitor.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    this.logger.info('sample module shut down');
    if (this.config.fault === 'slow-stop') await sleep(60_000);
    if (this.config.fault === 'stop') throw new Error('the store did not close');
  }
}

void bootstrap({ name: 'sample', configClass: SampleConfig, module: SampleModule });
