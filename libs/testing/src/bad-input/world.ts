/** What rows about Entity-User Keys are tried in: processes over the wire, or one service in the process of a test. */
import type { Issuer } from '@cpns/certificate-issuance';
import type { AssignmentReply, AssignmentRequest } from '@cpns/contracts';
import type { EntityType, TokenAuthKey } from '@cpns/core';
import { deriveTokenAuthKey, parseOneTimeString, type KeyForm, type OneTimeString } from '@cpns/key-derivation';
import type { Operator } from '../operator';
import type { TestGateway } from './test-gateway';
import type { Wire, WireTls } from './wire';

/** The ports at which bad input is tried. */
export type Port =
  | 'gateway token'
  | 'gateway certificate'
  | 'Server token'
  | 'Server certificate'
  | 'SMF certificate'
  | 'KMC certificate';

/** Every class of caller there is. */
export const CALLERS = [
  'anonymous',
  'operator',
  'service smf',
  'service kmc',
  'service cpns-server',
  'PN GW',
  'PN GW of another PN',
  'target entity',
  'target PN GW',
] as const;
export type Caller = (typeof CALLERS)[number];

/** Who assigns: the CPNS Server, the gateway under test, or the one whose keys the test holds. */
export type Assigner = 'server' | 'gateway' | 'probe';

/** An admission, and what its holder knows. */
export interface Token {
  readonly tokenId: string;
  /** A */
  readonly authKey: TokenAuthKey;
  readonly entity: string;
  readonly user: string;
  readonly form: KeyForm;
  readonly oneTime: OneTimeString;
}

export function tokenOf(oneTimeString: string | OneTimeString): Token {
  const oneTime = typeof oneTimeString === 'string' ? parseOneTimeString(oneTimeString) : oneTimeString;
  const { tokenId, entity, user, form, secret } = oneTime;
  return { tokenId, authKey: deriveTokenAuthKey(secret), entity, user, form, oneTime };
}

export interface AdmitWish {
  readonly form: KeyForm;
  readonly assigner: Assigner;
  /** A fresh PNE of pn1 without it. */
  readonly entity?: string;
  readonly user?: string;
  /** Milliseconds. */
  readonly lifetime?: number;
}

/** What rows have an operator do. */
export interface OperatorCalls extends Pick<Operator, 'revokeAdmission' | 'revokeKey'> {
  readonly enrolment: Pick<Operator['enrolment'], 'importFirstSeed' | 'revokeFirstSeed'>;
}

export interface KeyWorld {
  readonly trustDomain: string;
  /** The gateway under test. */
  readonly gatewayUri: string;
  readonly serverUri: string;
  /** DER */
  readonly rootDer: Buffer;
  /** An acting gateway of pn1 whose keys the test holds, and one of another PN. */
  readonly probe: TestGateway;
  readonly other: TestGateway;
  /** Authorities of the Server side, with their keys. */
  readonly authorities: { readonly issuingCa: Issuer; readonly entityCa: Issuer };
  readonly operator: OperatorCalls;
  /** Unix milliseconds, of the service under test. */
  now(): number;
  /** Lets time pass there. */
  pass(milliseconds: number): Promise<void>;
  /** E of an entity that was not there before. */
  entity(pn?: string, type?: EntityType): string;
  admit(wish: AdmitWish): Promise<Token>;
  /** Admits a PN GW of a fresh PN, which enrols itself at the Server. */
  admitGateway(lifetime?: number, entity?: string): Promise<Token>;
  /** Resolves when the gateway under test has worked off all that it was sent. */
  delivered(): Promise<void>;
  /** What an honest entity gets at the gateway that its one-time string names. */
  ask(request: AssignmentRequest): Promise<AssignmentReply | undefined>;
  /** A connection to a port as a caller, kept for the next row; token ports take anybody. */
  wire(port: Port, caller?: Caller): Wire;
  /** A connection with another certificate; closed with the world. */
  wireAs(port: Port, tls: WireTls): Wire;
}
