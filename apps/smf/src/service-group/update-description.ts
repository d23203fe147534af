/** UpdateServiceGroup: which parameters of a group are to be changed, and to what. */
import {
  fields,
  type GroupDescription,
  groupDescription,
  type UpdateServiceGroupRequest,
  wireGroupDescription,
} from '@cpns/contracts';
import { checkGroupId, invalidArgument } from '@cpns/core';
import { type ChangeRequest, parameterChangeOf } from '../group-changes/groups';

/** Of GroupDescription, by their names in a field mask. */
const CHANGEABLE = {
  display_name: 'displayName',
  seal_period: 'sealPeriod',
  update_period: 'updatePeriod',
  max_members: 'maxMembers',
  open_to_join: 'openToJoin',
  activation_delay: 'activationDelay',
  join_window: 'joinWindow',
  prepared_versions: 'preparedVersions',
  join_keeps_version: 'joinKeepsVersion',
} as const satisfies Readonly<Record<string, keyof GroupDescription>>;
type Path = keyof typeof CHANGEABLE;

const field = 'update_mask';

/** @throws CpnsError FIELD_MISSING (none), FIELD_OUT_OF_RANGE for what is no parameter that may change */
function checkMask(mask: readonly string[]): readonly Path[] {
  if (mask.length === 0) throw invalidArgument('FIELD_MISSING', `${field} names no field`, { metadata: { field } });
  const isChangeable = (path: string): path is Path => Object.hasOwn(CHANGEABLE, path);
  return [...new Set(mask)].sort().map((path) => {
    if (isChangeable(path)) return path;
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} may name ${Object.keys(CHANGEABLE).join(', ')}`, {
      metadata: { field },
    });
  });
}

/**
 * The change that an operator asks for. Its plan checks the whole description as it would be.
 * @throws CpnsError a field's reason
 */
export function updateOf({ description, updateMask, expectedRevision }: UpdateServiceGroupRequest): ChangeRequest {
  const asked = fields.present(description, 'description');
  const groupId = checkGroupId(asked.groupId, 'group_id');
  const paths = checkMask(updateMask ?? []);
  const values = Object.fromEntries(paths.map((path) => [CHANGEABLE[path], asked[CHANGEABLE[path]]]));
  const written = paths.map((path) => [path, String(asked[CHANGEABLE[path]])]);
  return parameterChangeOf(groupId, fields.positive(expectedRevision, 'expected_revision'), written, (present) =>
    groupDescription({ ...wireGroupDescription(present), ...values }),
  );
}
