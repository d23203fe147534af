import { invalidArgument } from '@cpns/core';
import { KeyForm as WireKeyForm } from '../generated/cpns/v1/entity_user_key_types';
import type { KeyForm } from '@cpns/key-derivation';

/** @throws CpnsError FIELD_OUT_OF_RANGE for neither form */
export function keyForm(value: WireKeyForm, field = 'form'): KeyForm {
  if (value === WireKeyForm.KEY_FORM_SECRET) return 'secret';
  if (value === WireKeyForm.KEY_FORM_KEY_PAIR) return 'key-pair';
  throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is neither form of key`, { metadata: { field } });
}

export const wireKeyForm = (form: KeyForm): WireKeyForm =>
  form === 'secret' ? WireKeyForm.KEY_FORM_SECRET : WireKeyForm.KEY_FORM_KEY_PAIR;
