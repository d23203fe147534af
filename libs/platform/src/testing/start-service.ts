import { existsSync } from 'node:fs';
import { loadConfig } from '@cpns/settings';
import { startTelemetry } from '@cpns/telemetry';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { ClassProvider, Type, ValueProvider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import type { CommonConfig, ConfigClass } from '../common-config';
import { GrpcTransport } from '../grpc-transport';
import { PlatformModule } from '../platform.module';

export interface ServiceUnderTest<C extends CommonConfig> {
  readonly name: string;
  readonly module: Type<unknown>;
  readonly configClass: ConfigClass<C>;
  /** `CPNS_*` variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Providers that are others in this test, such as `Clock` and `Store`. */
  readonly overrides?: readonly (ValueProvider | ClassProvider)[];
}

export interface StartedService {
  readonly module: TestingModule;
  /** `host:port` of each port by its name. */
  readonly addresses: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/**
 * A service as `bootstrap` starts it, from its settings to its ports, in the process of a test.
 * @throws CpnsError CONFIGURATION_INVALID
 */
export async function startService<C extends CommonConfig>(service: ServiceUnderTest<C>): Promise<StartedService> {
  const { name, configClass, env, overrides = [] } = service;
  const config = loadConfig(configClass.settings, env) as C;
  const { logger } = new MemoryLog(name);
  const telemetry = startTelemetry({ service: name, logger });
  const platform = PlatformModule.forRoot({ name, configClass, config, logger, telemetry });
  const builder = Test.createTestingModule({ imports: [platform, service.module] });
  for (const override of overrides) {
    const overridden = builder.overrideProvider(override.provide);
    if ('useClass' in override) overridden.useClass(override.useClass);
    else overridden.useValue(override.useValue);
  }
  const module = await builder.compile();
  const strategy = module.get(GrpcTransport, { strict: false });
  const app = module.createNestMicroservice({ strategy });
  await app.listen();
  return { module, addresses: strategy.addresses, close: () => app.close() };
}

/** A wrong setting: what is wrong, its variable, and its value, or nothing where it is left out. */
export type WrongSetting = readonly [what: string, variable: string, value: string | undefined | (() => string)];

/** Declares a test for each: the service does not start, with a sentence that names the variable, and makes no store. */
export function refusesWrongSettings<C extends CommonConfig>(
  service: () => ServiceUnderTest<C>,
  app: string,
  settings: readonly WrongSetting[],
): void {
  const titles = settings.map((setting) => {
    const [what, variable] = setting;
    return [
      `${variable} ${what} (${app}), start: INVALID_ARGUMENT/CONFIGURATION_INVALID ${variable}`,
      setting,
    ] as const;
  });
  test.each(titles)('%s', async (_title, [, variable, value]) => {
    const { env, ...rest } = service();
    const changed = { ...env, [variable]: typeof value === 'function' ? value() : (value ?? '') };
    const outcome = await startService({ ...rest, env: changed }).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'CONFIGURATION_INVALID' });
    expect((outcome as Error).message).toMatch(new RegExp(`^${variable} [^\\n]+[^.\\n]$`));
    expect(existsSync(env.CPNS_STORE!.replace('embedded:', ''))).toBe(false);
  });
}
