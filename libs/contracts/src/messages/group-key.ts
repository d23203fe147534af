/**
 * GroupKeyDelivery and GatewayGroupKeyDelivery (GK-PULL, GK-PUSH; FLOW-PULL steps 10-11, FLOW-PUSH step 8), between the
 * wire and the rules. The same checks run at the gateway and at the member, before any work.
 */
import { invalidArgument, parseEntityUri, type EntityName } from '@cpns/core';
import type { GatewayGroupKeyDelivery, GroupKeyDelivery, MemberEnvelope } from '../generated/cpns/v1/group_key_types';
import { ENVELOPE_TAG, requireEnvelopeOf, type SignedStatement } from '@cpns/group-key';
import * as fields from './fields';
import { checkEnd, checkStatement, statementMessage, withoutShared } from './group-key-statement';

/** The longest envelope: tag, the longest E with its length, key-id, wrap. */
const OWN_MAX_BYTES = 512;

/** One message names at most so many members; a gateway that has more behind it gets several. */
export const DELIVERY_ENVELOPES_MAX = 1_000;

/**
 * The form of an envelope as far as it matters to a gateway, which does not open it.
 * @throws CpnsError FIELD_MISSING, FIELD_TOO_LONG; FIELD_OUT_OF_RANGE for a path in a key tree, or another tag
 */
function envelope(own: Buffer, field: string): Buffer {
  if (fields.bounded(own, OWN_MAX_BYTES, field)[0] !== ENVELOPE_TAG)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${field} is not tagged 0x01: a key tree is not served`, {
      metadata: { field },
    });
  return own;
}

/** Of a pull for one member; one for all members gets the first page so, of the size that the Server sees fit. */
export const NO_PAGE = { pageSize: 0, pageToken: '' } as const;

/** A Group Key for one member. */
export interface CheckedGroupKeyDelivery {
  readonly signed: SignedStatement;
  /** Tagged 0x01; absent where the statement says all. */
  readonly own?: Buffer;
}

/** @throws CpnsError a field's reason */
export function checkGroupKeyDelivery(message: GroupKeyDelivery | undefined): CheckedGroupKeyDelivery {
  const { statement, own, shared } = fields.present(message, 'delivery');
  const signed = checkStatement(statement);
  withoutShared(shared);
  if (own.length === 0) return { signed };
  checkEnd(signed, 1, 'own');
  return { signed, own: envelope(own, 'own') };
}

export const groupKeyDelivery = ({ signed, own }: CheckedGroupKeyDelivery): GroupKeyDelivery => ({
  statement: statementMessage(signed),
  own: own ?? Buffer.alloc(0),
  shared: Buffer.alloc(0),
});

/** The part of a delivery that one member alone can open. */
export interface CheckedEnvelope {
  readonly entity: EntityName;
  /** Tagged 0x01, for that entity. */
  readonly own: Buffer;
}

/** A Group Key for the members behind one gateway, or a part of that. */
export interface CheckedGatewayDelivery {
  readonly signed: SignedStatement;
  readonly envelopes: readonly CheckedEnvelope[];
  /** Which part of a pushed version, from 0; 0 in an answer to a pull. */
  readonly part: number;
  /** True where parts of that version follow. */
  readonly more: boolean;
}

/** @throws CpnsError a field's reason; ENVELOPE_INVALID for an envelope of another entity than it says */
export function checkGatewayGroupKeyDelivery(message: GatewayGroupKeyDelivery | undefined): CheckedGatewayDelivery {
  const { statement, shared, envelopes, part, more } = fields.present(message, 'delivery');
  const signed = checkStatement(statement);
  withoutShared(shared);
  checkEnd(signed, envelopes.length, 'envelopes');
  checkEnd(signed, part, 'part');
  checkEnd(signed, Number(more), 'more');
  if (envelopes.length > DELIVERY_ENVELOPES_MAX)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `${envelopes.length} envelopes in one delivery`, {
      metadata: { field: 'envelopes', limit: String(DELIVERY_ENVELOPES_MAX) },
    });
  return { signed, envelopes: eachOnce(envelopes), part, more };
}

function eachOnce(wire: readonly MemberEnvelope[]): CheckedEnvelope[] {
  const envelopes = wire.map(memberEnvelope);
  if (new Set(envelopes.map(({ entity }) => entity.uri)).size !== envelopes.length)
    throw invalidArgument('FIELD_OUT_OF_RANGE', 'a member has two envelopes in one delivery', {
      metadata: { field: 'envelopes' },
    });
  return envelopes;
}

function memberEnvelope(wire: MemberEnvelope): CheckedEnvelope {
  const entity = parseEntityUri(wire.entity, 'entity');
  const own = envelope(wire.own, 'own');
  requireEnvelopeOf(entity.uri, own);
  return { entity, own };
}

export const gatewayGroupKeyDelivery = ({
  signed,
  envelopes,
  ...part
}: CheckedGatewayDelivery): GatewayGroupKeyDelivery => ({
  statement: statementMessage(signed),
  shared: Buffer.alloc(0),
  envelopes: envelopes.map(({ entity, own }) => ({ entity: entity.uri, own })),
  ...part,
});
