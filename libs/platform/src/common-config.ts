import { settings, type Config, type Settings } from '@cpns/settings';

const GRACE_MS = 10_000;

/** Every service has these besides its own. */
export const COMMON_SETTINGS = {
  logLevel: settings.logLevel().default('info'),
  /** Gets the bound addresses once the service is ready; a launcher learns free ports from it. */
  readyFile: settings.text('the path of a file', /^.+$/).optional(),
  /** How long calls under way may take after a stop was asked for. */
  stopGrace: settings.duration().default(GRACE_MS),
} as const;

export type CommonConfig = Config<typeof COMMON_SETTINGS>;

/** A class that constructors ask for settings by, and the settings that it stands for. */
export interface ConfigClass<C extends CommonConfig = CommonConfig> {
  new (): C;
  readonly settings: Settings;
}

/** `class KmcConfig extends configOf({ listen: settings.listen() }) {}`: a service's own settings and the common ones. */
export function configOf<S extends Settings>(own: S): ConfigClass<Config<S> & CommonConfig> {
  class Configuration {
    static readonly settings: Settings = { ...own, ...COMMON_SETTINGS };
  }
  return Configuration as unknown as ConfigClass<Config<S> & CommonConfig>;
}
