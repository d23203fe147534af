/** The parameters of a Service Group that its Group Key depends on, as options. */
import type { GroupDescription } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { type Command, Option } from 'commander';
import * as values from '../option-values';
import { DELIVERY_MODES, type DeliveryMode } from './describe';

/** What can be changed later. Times in milliseconds; 0 for none, or for what the service does by default. */
export interface ParameterFlags {
  readonly name?: string;
  readonly sealPeriod?: number;
  readonly updatePeriod?: number;
  readonly activationDelay?: number;
  readonly joinWindow?: number;
  readonly preparedVersions?: number;
  readonly maxMembers?: number;
  readonly openToJoin?: boolean;
  readonly joinKeepsVersion?: boolean;
}

const DEFAULT_SEAL_PERIOD = duration(7, 'day');

/** Adds the options of {@link ParameterFlags}: none has a default, so that what was not given is known. */
export const withParameters = (command: Command): Command =>
  command
    .option('--name <text>', 'for people')
    .option(
      '--seal-period <duration>',
      'how long members may seal with one version of the key, such as 15m, 24h; of a new group 7d unless given',
      values.lifetime,
    )
    .option(
      '--update-period <duration>',
      'how often the key is renewed by itself; none for never',
      values.lifetimeOrNone,
    )
    .option(
      '--activation-delay <duration>',
      'how long before its use a version for joins or by time is made; none for as the CPNS Server is set',
      values.lifetimeOrNone,
    )
    .option(
      '--join-window <duration>',
      'of a group that pushes: who joins so soon after another gets the same version; none for one each',
      values.lifetimeOrNone,
    )
    .option(
      '--prepared-versions <count>',
      'of a group that pulls: how many versions are given out before their time, with --update-period',
      values.count,
    )
    .option('--max-members <count>', 'as many as the SMF takes by default, unless given', values.count)
    .option('--open-to-join', 'let any entity with a registered key join by itself')
    .option('--no-open-to-join', 'let operators alone add members')
    .option('--join-keeps-version', 'who joins gets the version in use, and can open what was sealed with it before')
    .option('--no-join-keeps-version', 'who joins gets a new version');

export const deliveryOption = (): Option =>
  new Option('--delivery <mode>', 'how members get a new Group Key: when they need it, or at once')
    .choices(Object.keys(DELIVERY_MODES))
    .makeOptionMandatory();

export const descriptionOf = (
  groupId: string,
  flags: ParameterFlags & { readonly delivery: DeliveryMode },
): GroupDescription => ({
  groupId,
  displayName: flags.name ?? '',
  delivery: DELIVERY_MODES[flags.delivery],
  sealPeriod: BigInt(flags.sealPeriod ?? DEFAULT_SEAL_PERIOD),
  updatePeriod: BigInt(flags.updatePeriod ?? 0),
  maxMembers: flags.maxMembers ?? 0,
  openToJoin: flags.openToJoin ?? false,
  activationDelay: BigInt(flags.activationDelay ?? 0),
  joinWindow: BigInt(flags.joinWindow ?? 0),
  preparedVersions: flags.preparedVersions ?? 0,
  joinKeepsVersion: flags.joinKeepsVersion ?? false,
});

/** Of an option, the name of the field of GroupDescription that it changes. */
const FIELDS = {
  name: 'display_name',
  sealPeriod: 'seal_period',
  updatePeriod: 'update_period',
  activationDelay: 'activation_delay',
  joinWindow: 'join_window',
  preparedVersions: 'prepared_versions',
  maxMembers: 'max_members',
  openToJoin: 'open_to_join',
  joinKeepsVersion: 'join_keeps_version',
} as const satisfies Record<keyof ParameterFlags, string>;

/** The fields of the options that were given. */
export const updateMaskOf = (flags: ParameterFlags): string[] =>
  Object.entries(FIELDS).flatMap(([flag, field]) => (flags[flag as keyof ParameterFlags] === undefined ? [] : [field]));
