/** Entity-User Keys at the PN GW: assigned here or by the Server, registered with the Server, proven on each call. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { LiveCredentialsModule } from '../live-credentials/live-credentials.module';
import { PeersModule } from '../peers/peers.module';
import { ProvisioningModule } from '../provisioning/provisioning.module';
import {
  ASSIGNED_KEY,
  AssignedKeys,
  GRANT,
  REGISTERED_KEY,
  REVOKED_TOKEN,
  TokenGrants,
  VerifyProof,
} from './assigned-keys';
import { AssignEntityUserKey, EntityUserKeyController } from './entity-user-key.controller';
import { RelayToServer } from './relay';

@OwnsRecords(GRANT, REVOKED_TOKEN, ASSIGNED_KEY, REGISTERED_KEY)
@Module({
  imports: [PeersModule, ProvisioningModule, LiveCredentialsModule],
  controllers: [EntityUserKeyController],
  providers: [AssignEntityUserKey, RelayToServer, TokenGrants, AssignedKeys, VerifyProof],
  exports: [TokenGrants, AssignedKeys, VerifyProof],
})
export class EntityUserKeyModule {}
