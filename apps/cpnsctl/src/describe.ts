/** What the Server answers, in the stable words of JSON output: names in camel case, times in ISO 8601, ids in hexadecimal digits. */
import {
  AdmissionState,
  EntityRole,
  KeyForm,
  KeyState,
  type Admission,
  type EntityUserKeyInfo,
  type Gateway,
} from '@cpns/contracts';
import { hexOrNull, isoTime } from './values';

const FORMS: Readonly<Partial<Record<KeyForm, string>>> = {
  [KeyForm.KEY_FORM_SECRET]: 'secret',
  [KeyForm.KEY_FORM_KEY_PAIR]: 'key-pair',
};

const ROLES: Readonly<Partial<Record<EntityRole, string>>> = {
  [EntityRole.ENTITY_ROLE_TARGET_ENTITY]: 'target-entity',
  [EntityRole.ENTITY_ROLE_PN_GW]: 'pn-gw',
};

const ADMISSION_STATES: Readonly<Partial<Record<AdmissionState, string>>> = {
  [AdmissionState.ADMISSION_STATE_OPEN]: 'open',
  [AdmissionState.ADMISSION_STATE_ASSIGNED]: 'assigned',
  [AdmissionState.ADMISSION_STATE_REGISTERED]: 'registered',
  [AdmissionState.ADMISSION_STATE_REVOKED]: 'revoked',
  [AdmissionState.ADMISSION_STATE_EXPIRED]: 'expired',
};

const KEY_STATES: Readonly<Partial<Record<KeyState, string>>> = {
  [KeyState.KEY_STATE_ASSIGNED]: 'assigned',
  [KeyState.KEY_STATE_LIVE]: 'live',
  [KeyState.KEY_STATE_REPLACED]: 'replaced',
  [KeyState.KEY_STATE_REVOKED]: 'revoked',
  [KeyState.KEY_STATE_EXPIRED]: 'expired',
  [KeyState.KEY_STATE_SUSPENDED]: 'suspended',
};

/** A newer Server may have values that this program does not know. */
export const word = <T extends number>(words: Readonly<Partial<Record<T, string>>>, value: T): string =>
  words[value] ?? `unknown (${value})`;

export interface AdmissionAnswer {
  readonly tokenId: string;
  readonly entity: string;
  readonly user: string | null;
  readonly role: string;
  readonly form: string;
  /** URI of the Server, or E of a gateway. */
  readonly assigner: string;
  readonly state: string;
  readonly delivered: boolean;
  readonly admittedAt: string | null;
  readonly expiresAt: string | null;
}

export const describeAdmission = (admission: Admission): AdmissionAnswer => ({
  tokenId: admission.tokenId,
  entity: admission.entity,
  user: admission.user === '' ? null : admission.user,
  role: word(ROLES, admission.role),
  form: word(FORMS, admission.form),
  assigner: admission.assigner,
  state: word(ADMISSION_STATES, admission.state),
  delivered: admission.delivered,
  admittedAt: isoTime(admission.admittedAt),
  expiresAt: isoTime(admission.expiresAt),
});

export interface KeyAnswer {
  readonly entity: string;
  readonly user: string | null;
  readonly form: string;
  readonly assigner: string;
  readonly state: string;
  readonly keyId: string | null;
  readonly notAfter: string | null;
  readonly registeredAt: string | null;
  readonly certificateDigest: string | null;
  readonly tokenId: string | null;
}

export const describeKey = (key: EntityUserKeyInfo): KeyAnswer => ({
  entity: key.entity,
  user: key.user === '' ? null : key.user,
  form: word(FORMS, key.form),
  assigner: key.assigner,
  state: word(KEY_STATES, key.state),
  keyId: hexOrNull(key.keyId),
  notAfter: isoTime(key.notAfter),
  registeredAt: isoTime(key.registeredAt),
  certificateDigest: hexOrNull(key.certificateDigest),
  tokenId: key.tokenId === '' ? null : key.tokenId,
});

export interface FirstSeedAnswer {
  readonly firstSeedId: string;
  readonly assignUntil: string | null;
  readonly registerUntil: string | null;
  readonly maxEntities: number;
  readonly registeredEntities: number;
  readonly revoked: boolean;
}

export interface GatewayCaAnswer {
  readonly certificateDigest: string | null;
  readonly notAfter: string | null;
  readonly revoked: boolean;
}

export interface GatewayAnswer {
  readonly entity: string;
  readonly enrolledAt: string | null;
  readonly certificateNotAfter: string | null;
  readonly revoked: boolean;
  /** When it is to be revoked. */
  readonly retireAt: string | null;
  /** Entries of its delivery log that it has not acknowledged. */
  readonly undelivered: number;
  readonly firstSeeds: readonly FirstSeedAnswer[];
  readonly gatewayCas: readonly GatewayCaAnswer[];
}

export const describeGateway = (gateway: Gateway): GatewayAnswer => ({
  entity: gateway.entity,
  enrolledAt: isoTime(gateway.enrolledAt),
  certificateNotAfter: isoTime(gateway.certificateNotAfter),
  revoked: gateway.revoked,
  retireAt: isoTime(gateway.retireAt),
  undelivered: Number(gateway.undelivered),
  firstSeeds: gateway.firstSeeds.map((seed) => ({
    firstSeedId: seed.firstSeedId,
    assignUntil: isoTime(seed.assignUntil),
    registerUntil: isoTime(seed.registerUntil),
    maxEntities: seed.maxEntities,
    registeredEntities: seed.registeredEntities,
    revoked: seed.revoked,
  })),
  gatewayCas: gateway.cas.map((ca) => ({
    certificateDigest: hexOrNull(ca.certificateDigest),
    notAfter: isoTime(ca.notAfter),
    revoked: ca.revoked,
  })),
});
