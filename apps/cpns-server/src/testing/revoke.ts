import { RevokeEntityUserKeyRequest } from '@cpns/contracts';
import type { TestingModule } from '@nestjs/testing';
import { RevokeEntityUserKey } from '../entity-user-key/revoke-entity-user-key';

/** An operator's RevokeEntityUserKey at one process. @param wait how long an answer is of use, milliseconds */
export const revokeOn = (module: TestingModule, request: Partial<RevokeEntityUserKeyRequest>, wait = 60_000) =>
  module.get(RevokeEntityUserKey).execute(RevokeEntityUserKeyRequest.fromPartial(request), {
    uri: 'cpns://td.example/operator/ann',
    deadline: Date.now() + wait,
  });
