/** Admissions that name this gateway as assigner, as the Server grants and revokes them. */
import { fields, keyForm, type TokenGrant, type TokenRevocation } from '@cpns/contracts';
import { checkTokenId, checkUserId, Clock, parseEntityUri, TokenAuthKey } from '@cpns/core';
import { advanceAdmission, TOKEN_MAX_LIFE_MS } from '@cpns/entity-user-key';
import { at, expiring, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { checkAddressee, OwnGateway } from '../common/own-gateway';
import {
  entityAggregate,
  GRANT,
  GRANT_KEPT_MS,
  grantName,
  REVOKED_TOKEN,
  revokedTokenName,
  type GrantRecord,
} from './records';

@Injectable()
export class TokenGrants {
  constructor(
    private readonly own: OwnGateway,
    private readonly records: Records,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's reason; PN_MISMATCH */
  async keep(message: TokenGrant): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    checkAddressee(this.own.name, entity);
    const tokenId = checkTokenId(message.tokenId, 'token_id');
    const granted: GrantRecord = {
      tokenId,
      entity: entity.uri,
      user: checkUserId(message.user, 'user'),
      form: keyForm(message.form),
      state: 'open',
      admittedAt: fields.time(message.admittedAt, 'admitted_at'),
      expiresAt: fields.time(message.expiresAt, 'expires_at'),
      authKey: new TokenAuthKey(fields.secret(message.tokenAuthKey, 'token_auth_key')),
    };
    const wanted = { grant: at(GRANT, grantName(tokenId)), revoked: at(REVOKED_TOKEN, revokedTokenName(tokenId)) };
    await this.records.transact(entityAggregate(entity.uri), wanted, ({ grant, revoked }) =>
      // one that is there may be spent already
      grant === undefined && revoked === undefined
        ? { result: undefined, put: { grant: expiring(granted, granted.expiresAt + GRANT_KEPT_MS) } }
        : { result: undefined },
    );
  }

  /** @throws CpnsError a field's reason */
  async revoke(message: TokenRevocation): Promise<void> {
    const entity = parseEntityUri(message.entity, 'entity');
    const tokenId = checkTokenId(message.tokenId, 'token_id');
    const wanted = { grant: at(GRANT, grantName(tokenId)), revoked: at(REVOKED_TOKEN, revokedTokenName(tokenId)) };
    await this.records.transact(entityAggregate(entity.uri), wanted, ({ grant }) => {
      const now = this.clock.now();
      if (grant === undefined)
        return { result: undefined, put: { revoked: expiring({ revokedAt: now }, now + TOKEN_MAX_LIFE_MS) } };
      const next = { ...grant, state: advanceAdmission(grant.state, 'revoke') };
      return { result: undefined, put: { grant: expiring(next, grant.expiresAt + GRANT_KEPT_MS) } };
    });
  }
}
