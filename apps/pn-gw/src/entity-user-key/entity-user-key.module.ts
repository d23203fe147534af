/** Entity-User Keys at the PN GW: assigned here or by the Server, registered with the Server. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { PeersModule } from '../peers/peers.module';
import { ProvisioningModule } from '../provisioning/provisioning.module';
import { AssignEntityUserKey } from './assign-entity-user-key/assign-entity-user-key';
import { AssignHere } from './assign-entity-user-key/assign-here';
import { ForwardAssignment } from './assign-entity-user-key/forward-assignment';
import { AssignedKeys } from './assigned-keys';
import { EntityUserKeyController } from './entity-user-key.controller';
import { ASSIGNED_KEY, GRANT, REVOKED_TOKEN } from './records';
import { RegisterEntityUserKey } from './register-entity-user-key/register-entity-user-key';
import { TokenGrants } from './token-grants';

@OwnsRecords(GRANT, REVOKED_TOKEN, ASSIGNED_KEY)
@Module({
  imports: [PeersModule, ProvisioningModule],
  controllers: [EntityUserKeyController],
  providers: [AssignEntityUserKey, AssignHere, ForwardAssignment, RegisterEntityUserKey, TokenGrants, AssignedKeys],
  exports: [TokenGrants, AssignedKeys],
})
export class EntityUserKeyModule {}
