import { checkUserId, invalidArgument, parseEntityUri, parseIdentityUri, type EntityName } from '@cpns/core';
import { checkSize, KEY_ID_BYTES, keyIdText, type KeyForm } from '@cpns/key-derivation';
import { CredentialState, type AssignerEnd, type EntityCredential } from '../generated/cpns/v1/entity_user_key_types';
import * as fields from './fields';
import { keyForm } from './key-form';

const STATES: ReadonlyMap<CredentialState, CheckedCredential['state']> = new Map([
  [CredentialState.CREDENTIAL_STATE_LIVE, 'live'],
  [CredentialState.CREDENTIAL_STATE_SUSPENDED, 'suspended'],
  [CredentialState.CREDENTIAL_STATE_ENDED, 'ended'],
]);

/** The present state of an entity's newest Entity-User Key, as the Server tells the gateways of its PN. */
export interface CheckedCredential {
  /** E */
  readonly entity: string;
  readonly revision: bigint;
  readonly life: bigint;
  readonly state: 'live' | 'suspended' | 'ended';
  /** 32 hexadecimal digits. */
  readonly keyId: string;
  readonly form: KeyForm;
  /** Form key pair: SHA-256 of the certificate that counts. */
  readonly certificateDigest?: Buffer;
  readonly user: string;
  /** URI of the CPNS Server, or E of a gateway. */
  readonly assigner: string;
  /** Of an assigning gateway; 0 for the Server. */
  readonly assignerLife: bigint;
  /** Unix milliseconds. */
  readonly notAfter: number;
}

/** @throws CpnsError a field's reason */
export function checkEntityCredential(message: EntityCredential): CheckedCredential & { readonly name: EntityName } {
  const name = parseEntityUri(message.entity, 'entity');
  const state = STATES.get(message.state);
  if (state === undefined)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'state is no state of a key', { metadata: { field: 'state' } });
  checkSize(message.keyId, KEY_ID_BYTES, 'key_id');
  const form = keyForm(message.form);
  return {
    name,
    entity: name.uri,
    revision: fields.positive(message.revision, 'revision'),
    life: fields.positive(message.life, 'life'),
    state,
    keyId: keyIdText(message.keyId),
    form,
    ...(form === 'key-pair' && { certificateDigest: fields.digest(message.certificateDigest, 'certificate_digest') }),
    user: message.user === '' ? '' : checkUserId(message.user, 'user'),
    assigner: parseIdentityUri(message.assigner, 'assigner').uri,
    assignerLife: message.assignerLife,
    notAfter: fields.time(message.notAfter, 'not_after'),
  };
}

/** @throws CpnsError a field's reason */
export const checkAssignerEnd = ({ gateway, life }: AssignerEnd) => ({
  gateway: parseEntityUri(gateway, 'gateway'),
  life: fields.positive(life, 'life'),
});
