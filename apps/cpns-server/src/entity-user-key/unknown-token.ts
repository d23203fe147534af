import { permissionDenied, unauthenticated } from '@cpns/core';
import type { EntityRecords } from '../entities/entity-records';

/** Of a token that the entity does not have. @throws CpnsError TOKEN_OTHER_ENTITY, TOKEN_UNKNOWN */
export async function unknownToken(entities: EntityRecords, tokenId: string): Promise<never> {
  const owner = await entities.entityOfToken(tokenId);
  if (owner !== undefined) throw permissionDenied('TOKEN_OTHER_ENTITY', 'the token admits another entity');
  throw unauthenticated('TOKEN_UNKNOWN', 'no such token: ask for a new admission');
}
