/** Entity-User Keys at the PN GW: assigned here or by the Server, registered with the Server. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeersModule } from '../peers/peers.module';
import { ProvisioningModule } from '../provisioning/provisioning.module';
import { AssignEntityUserKey } from './assign-entity-user-key';
import { AssignedKeys } from './assigned-keys';
import { EntityUserKeyController } from './entity-user-key.controller';
import { ASSIGNED_KEY, GRANT, REVOKED_TOKEN } from './records';
import { RelayToServer } from './relay-to-server';
import { TokenGrants } from './token-grants';

@OwnsRecords(GRANT, REVOKED_TOKEN, ASSIGNED_KEY)
@Module({
  imports: [PeersModule, ProvisioningModule],
  controllers: [EntityUserKeyController],
  providers: [AssignEntityUserKey, RelayToServer, TokenGrants, AssignedKeys],
  exports: [TokenGrants, AssignedKeys],
})
export class EntityUserKeyModule {}
