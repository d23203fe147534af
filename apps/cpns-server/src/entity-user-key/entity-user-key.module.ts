/** CPNS-2: Entity-User Keys are assigned, registered and revoked, and gateways get what they assign them with. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { AuthoritiesModule } from '../authorities/authorities.module';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { AssignEntityUserKey } from './assign-entity-user-key';
import { IssueCertificate } from './issue-certificate';
import { RecordIdentity } from './record-identity';
import { EntityUserKeyController } from './entity-user-key.controller';
import { ListEntityUserKeys } from './list-entity-user-keys';
import { ProvisionGateway } from './provision-gateway';
import { PROVISIONING } from './records';
import { DeriveFromSeeds } from './derive-from-seeds';
import { RegisterEntityUserKey } from './register-entity-user-key';
import { VerifyCertificate } from './verify-certificate';
import { RevokeEntityUserKey } from './revoke-entity-user-key';
import { TellAssigner } from './tell-assigner';

@OwnsRecords(PROVISIONING)
@Module({
  imports: [AuthoritiesModule, EntitiesModule, GatewaysModule, GatewayDeliveryModule],
  controllers: [EntityUserKeyController],
  providers: [
    AssignEntityUserKey,
    IssueCertificate,
    RecordIdentity,
    RegisterEntityUserKey,
    DeriveFromSeeds,
    VerifyCertificate,
    ProvisionGateway,
    RevokeEntityUserKey,
    ListEntityUserKeys,
    TellAssigner,
  ],
})
export class EntityUserKeyModule {}
