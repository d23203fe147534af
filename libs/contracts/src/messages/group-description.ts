/** GroupDescription (GK-CREATE; FLOW-PULL and FLOW-PUSH steps 1 and 7), between the wire and the rules. */
import { invalidArgument } from '@cpns/core';
import {
  GroupKeyDeliveryMode,
  type GroupDescription as WireGroupDescription,
} from '../generated/cpns/v1/service_group_types';
import { checkDescription, type DeliveryMode, type GroupDescription } from '@cpns/group-key';
import { present } from './fields';

/** @throws CpnsError FIELD_OUT_OF_RANGE for neither mode */
function deliveryMode(value: GroupKeyDeliveryMode, field = 'delivery'): DeliveryMode {
  if (value === GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL) return 'pull';
  if (value === GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH) return 'push';
  throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is neither pull nor push`, { metadata: { field } });
}

export const wireDeliveryMode = (mode: DeliveryMode): GroupKeyDeliveryMode =>
  mode === 'pull'
    ? GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL
    : GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH;

/**
 * The description with its defaults filled in.
 * @throws CpnsError FIELD_MISSING without one; a field's reason
 */
export function groupDescription(message: WireGroupDescription | undefined): GroupDescription {
  const description = present(message, 'description');
  return checkDescription({ ...description, delivery: deliveryMode(description.delivery) });
}

export const wireGroupDescription = (description: GroupDescription): WireGroupDescription => ({
  groupId: description.groupId,
  displayName: description.displayName,
  delivery: wireDeliveryMode(description.delivery),
  sealPeriod: BigInt(description.sealPeriod),
  updatePeriod: BigInt(description.updatePeriod),
  maxMembers: description.maxMembers,
  openToJoin: description.openToJoin,
  activationDelay: BigInt(description.activationDelay),
  joinWindow: BigInt(description.joinWindow),
  preparedVersions: description.preparedVersions,
  joinKeepsVersion: description.joinKeepsVersion,
});
