import { pemToDers } from '@cpns/certificate-issuance';
import { LinkSecurity } from '@cpns/contracts';
import { CpnsError, EntityUserKey, PrivateKeyDer, SECRET_BYTES, checkGroupId, checkUserId } from '@cpns/core';
import { parseOneTimeString } from '@cpns/key-derivation';
import { setting, settings, type Config } from '@cpns/settings';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** How far a run takes the device. */
export const GOALS = ['assigned', 'registered', 'proved'] as const;
export type Goal = (typeof GOALS)[number];

const LINKS = {
  none: LinkSecurity.LINK_SECURITY_NONE,
  encrypted: LinkSecurity.LINK_SECURITY_ENCRYPTED,
  'mutually-authenticated': LinkSecurity.LINK_SECURITY_MUTUALLY_AUTHENTICATED,
} as const;
type Link = keyof typeof LINKS;
const isLink = (text: string): text is Link => Object.hasOwn(LINKS, text);

const EMBEDDED = 'embedded:';

/** The content of a small text file, without the line feed at its end. A file that cannot be read is a wrong setting. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    // the sentence of the setting says what it must be; why this one is not, an operator sees by looking
    return undefined;
  }
}

function secretOf(path: string): EntityUserKey | undefined {
  const text = textOf(path);
  return text !== undefined && /^[0-9a-fA-F]{64}$/.test(text) ? new EntityUserKey(Buffer.from(text, 'hex')) : undefined;
}

function privateKeyOf(path: string): PrivateKeyDer | undefined {
  const pem = textOf(path);
  if (pem === undefined) return undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // what OpenSSL says may quote what it read
    return undefined;
  }
  return new PrivateKeyDer(key.export({ format: 'der', type: 'pkcs8' }));
}

function rootOf(path: string): Buffer | undefined {
  const [root, ...others] = pemToDers(textOf(path) ?? '');
  return others.length === 0 ? root : undefined;
}

const directoryOf = (path: string): string | undefined =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? resolve(path) : undefined;

/** The `CPNS_*` settings of a device program. */
export const SETTINGS = {
  oneTimeStringFile: setting('a file with a one-time string', (path) => {
    const text = textOf(path);
    return text === undefined ? undefined : parseOneTimeString(text);
  }).optional(),
  /** In form key pair: a key that the device has already. */
  privateKeyFile: setting('a file with an unencrypted private key in PEM', privateKeyOf).optional(),

  /** Q2: in place of a one-time string. */
  preSharedKeyFile: setting(
    `a file with a key of ${SECRET_BYTES} bytes as ${2 * SECRET_BYTES} hex digits`,
    secretOf,
  ).optional(),
  entity: settings.entityUri().optional(),
  user: setting('a user-id', (text) => checkUserId(text)).default(''),
  gateway: settings.entityUri().optional(),
  gatewayAddress: settings.endpoint().optional(),
  rootFile: setting('a file with the one root certificate in PEM', rootOf).optional(),

  store: setting('embedded:DIRECTORY', (text) =>
    text.startsWith(EMBEDDED) && text !== EMBEDDED ? EMBEDDED + resolve(text.slice(EMBEDDED.length)) : undefined,
  ),
  masterKeyFile: settings.text('the path of a file with the master key', /^.+$/),
  /** Certificate holders call here. */
  gatewayCertificateAddress: settings.endpoint().optional(),

  until: settings.oneOf(GOALS).default('proved'),
  /** How long to go on while the other side does not answer, milliseconds. */
  waitForServer: settings.duration().default(0),
  /** Service Groups whose newest Group Key is pulled once the device is where CPNS_UNTIL says. */
  groups: setting('group-ids with commas in between', (text) =>
    text.split(',').map((group) => checkGroupId(group)),
  ).default([]),
  /** An existing directory of command files: the program then stays, and does what they say. */
  commandDirectory: setting('the path of a directory', directoryOf).optional(),
  resultFile: settings.text('the path of a file', /^.+$/).optional(),
  logLevel: settings.logLevel().default('info'),

  linkSecurity: setting(`one of ${Object.keys(LINKS).join(', ')}`, (text) =>
    isLink(text) ? LINKS[text] : undefined,
  ).default(LINKS.none),
  softwareVersion: settings.text('at most 64 printable ASCII characters', /^[\x20-\x7e]{1,64}$/).default(''),
} as const;

export type DeviceConfig = Config<typeof SETTINGS>;

/** A pre-shared key with all that goes with it. */
export interface PreSharedConfig {
  readonly secret: EntityUserKey;
  readonly entity: string;
  readonly user: string;
  readonly gateway: string;
  readonly endpoint: string;
  readonly root: Buffer;
}

const wrong = (message: string) => new CpnsError('CONFIGURATION_INVALID', message);

/**
 * The settings that only make sense together.
 * @returns undefined where no pre-shared key is set
 * @throws CpnsError CONFIGURATION_INVALID
 */
export function preSharedOf(config: DeviceConfig): PreSharedConfig | undefined {
  const { preSharedKeyFile: secret, entity, user, gateway, gatewayAddress: endpoint, rootFile: root } = config;
  if (secret === undefined) {
    if (entity !== undefined || gateway !== undefined || endpoint !== undefined || root !== undefined || user !== '')
      throw wrong(
        'CPNS_ENTITY, CPNS_USER, CPNS_GATEWAY, CPNS_GATEWAY_ADDRESS and CPNS_ROOT_FILE go with CPNS_PRE_SHARED_KEY_FILE only',
      );
    return undefined;
  }
  if (config.oneTimeStringFile !== undefined || config.privateKeyFile !== undefined)
    throw wrong(
      'CPNS_PRE_SHARED_KEY_FILE stands in place of CPNS_ONE_TIME_STRING_FILE and CPNS_PRIVATE_KEY_FILE: set one of them',
    );
  if (entity === undefined || gateway === undefined || endpoint === undefined || root === undefined)
    throw wrong('CPNS_PRE_SHARED_KEY_FILE needs CPNS_ENTITY, CPNS_GATEWAY, CPNS_GATEWAY_ADDRESS and CPNS_ROOT_FILE');
  return { secret, entity, user, gateway, endpoint, root };
}
