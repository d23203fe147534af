import { invalidArgument, SECRET_BYTES, NONCE_BYTES } from '@cpns/core';
import { checkNotPublished, checkSize, DIGEST_BYTES, MAC_BYTES } from '@cpns/key-derivation';

const missing = (field: string) => invalidArgument('FIELD_MISSING', `${field} is missing`, { metadata: { field } });

/** A message that has to be there. @throws CpnsError FIELD_MISSING */
export function present<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw missing(field);
  return value;
}

/** A number that counts from 1. @throws CpnsError FIELD_MISSING for 0 */
export function positive(value: bigint, field: string): bigint {
  if (value === 0n) throw missing(field);
  return value;
}

/** A time in Unix milliseconds as a number. @throws CpnsError FIELD_MISSING (0), FIELD_OUT_OF_RANGE */
export function time(value: bigint, field: string): number {
  positive(value, field);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is no time in milliseconds`, { metadata: { field } });
  return Number(value);
}

const sized = (size: number) => (value: Buffer, field: string) => {
  checkSize(value, size, field);
  return value;
};

/** 16 bytes. @throws CpnsError FIELD_MISSING, FIELD_SIZE */
export const nonce = sized(NONCE_BYTES);
/** 32 bytes. @throws CpnsError FIELD_MISSING, FIELD_SIZE */
export const mac = sized(MAC_BYTES);
/** 32 bytes. @throws CpnsError FIELD_MISSING, FIELD_SIZE */
export const digest = sized(DIGEST_BYTES);
/** 32 bytes. @throws CpnsError FIELD_MISSING, FIELD_SIZE */
export const secret = sized(SECRET_BYTES);
/**
 * 32 bytes that an operator or a manufacturer brings.
 * @throws CpnsError FIELD_MISSING, FIELD_SIZE; FIELD_OUT_OF_RANGE for a secret that is known to everyone
 */
export function importedSecret(value: Buffer, field: string): Buffer {
  const bytes = secret(value, field);
  checkNotPublished(bytes, field);
  return bytes;
}

/** Bytes that may be absent. @throws CpnsError FIELD_SIZE */
export function optional(
  value: Buffer,
  check: (value: Buffer, field: string) => Buffer,
  field: string,
): Buffer | undefined {
  return value.length === 0 ? undefined : check(value, field);
}

/** Bytes of 1 to `limit`. @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG */
export function bounded(value: Buffer, limit: number, field: string): Buffer {
  if (value.length === 0) throw missing(field);
  if (value.length > limit)
    throw invalidArgument('FIELD_TOO_LONG', `${field} has ${value.length} bytes, ${limit} are allowed`, {
      metadata: { field, limit: String(limit) },
    });
  return value;
}

/** The deepest chain is target entity, gateway CA, issuing CA, root. */
const CHAIN_MAX = 4;
const CERTIFICATE_MAX_BYTES = 8_192;

/** DER certificates. @throws CpnsError FIELD_MISSING, FIELD_OUT_OF_RANGE, FIELD_TOO_LONG */
export function chain(value: Buffer[], field: string): Buffer[] {
  if (value.length === 0) throw missing(field);
  if (value.length > CHAIN_MAX)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} has ${value.length} certificates, ${CHAIN_MAX} are allowed`, {
      metadata: { field },
    });
  return value.map((certificate) => bounded(certificate, CERTIFICATE_MAX_BYTES, field));
}

const METHOD = /^\/cpns\.v1\.[A-Za-z]{1,50}\/[A-Za-z]{1,50}$/;

/** A full gRPC path of this package. @throws CpnsError FIELD_MISSING, NAME_INVALID */
export function method(value: string, field: string): string {
  if (value === '') throw missing(field);
  if (!METHOD.test(value))
    throw invalidArgument('NAME_INVALID', `${field} is no path of package cpns.v1`, { metadata: { field } });
  return value;
}
