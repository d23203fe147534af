import { perFile, TemporaryDirectory } from '@cpns/core/testing';
import { existsSync } from 'node:fs';
import { loadConfig } from '@cpns/settings';
import { startTelemetry } from '@cpns/telemetry';
import { MemoryLog } from '@cpns/telemetry/testing';
import type { Type } from '@nestjs/common';
import type { CommonConfig, ConfigClass } from '../common-config';
import { GrpcTransport } from '../grpc-transport';
import { PlatformModule } from '../platform.module';
import { compiled, serveWith, type Overrides, type ServedModule } from './test-process';

export interface ServiceUnderTest<C extends CommonConfig> {
  readonly name: string;
  readonly module: Type<unknown>;
  readonly configClass: ConfigClass<C>;
  /** `CPNS_*` variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Providers that are others in this test, such as `Clock` and `Store`. */
  readonly overrides?: Overrides;
}

/**
 * A service as `bootstrap` starts it, from its settings to its ports, in the process of a test.
 * @throws CpnsError CONFIGURATION_INVALID
 */
export async function startService<C extends CommonConfig>(service: ServiceUnderTest<C>): Promise<ServedModule> {
  const { name, configClass, env, overrides } = service;
  const config = loadConfig(configClass.settings, env) as C;
  const { logger } = new MemoryLog(name);
  const telemetry = startTelemetry({ service: name, logger });
  const platform = PlatformModule.forRoot({ name, configClass, config, logger, telemetry });
  const module = await compiled([platform, service.module], overrides);
  return serveWith(module, module.get(GrpcTransport, { strict: false }));
}

/** A wrong setting: what is wrong, its variable, and its value, which may be a file in the directory of the test. */
export type WrongSetting = readonly [
  what: string,
  variable: string,
  value: string | undefined | ((directory: TemporaryDirectory) => string),
];

/**
 * Declares a test for each: the service does not start, with a sentence that names the variable, and makes no store.
 * @param envIn every setting right, with files in a directory of the test
 * @param startsElsewhere whether another spec shows that it starts with them
 */
export function refusesWrongSettings<C extends CommonConfig>(
  service: Omit<ServiceUnderTest<C>, 'env'>,
  envIn: (directory: TemporaryDirectory) => Promise<Record<string, string>>,
  settings: readonly WrongSetting[],
  startsElsewhere = false,
): void {
  const directory = perFile(new TemporaryDirectory());
  let env: Record<string, string>;
  beforeAll(async () => (env = await envIn(directory)));
  const titles = settings.map((setting) => {
    const [what, variable] = setting;
    return [
      `${variable} ${what} (${service.name}), start: INVALID_ARGUMENT/CONFIGURATION_INVALID ${variable}`,
      setting,
    ] as const;
  });
  test.each(titles)('%s', async (_title, [, variable, value]) => {
    const changed = { ...env, [variable]: typeof value === 'function' ? value(directory) : (value ?? '') };
    const outcome = await startService({ ...service, env: changed }).catch((error: unknown) => error);
    expect(outcome).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'CONFIGURATION_INVALID' });
    expect((outcome as Error).message).toMatch(new RegExp(`^${variable} [^\\n]+[^.\\n]$`));
    expect(existsSync(env.CPNS_STORE!.replace('embedded:', ''))).toBe(false);
  });
  if (!startsElsewhere)
    test('with every setting right it starts', async () => {
      await (await startService({ ...service, env })).close();
    });
}
