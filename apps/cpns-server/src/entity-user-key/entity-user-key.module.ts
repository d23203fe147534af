/** CPNS-2: Entity-User Keys are assigned, registered and revoked, and gateways get what they assign them with. */
import { OwnsRecords } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { AuthoritiesModule } from '../authorities/authorities.module';
import { CertificatesModule } from '../certificates/certificates.module';
import { EndsModule } from '../ends/ends.module';
import { EntitiesModule } from '../entities/entities.module';
import { GatewayLogModule } from '../gateway-log/gateway-log.module';
import { GatewaysModule } from '../gateways/gateways.module';
import { AssignEntityUserKey, IssueCertificate } from './assign-entity-user-key';
import { ProvisionGateway, PROVISIONING, RecordIdentity } from './provision-gateway';
import { EntityUserKeyController } from './entity-user-key.controller';
import { ListEntityUserKeys } from './entity-user-keys';
import { RevokeEntityUserKey } from './revoke-entity-user-key';
import { DeriveFromSeeds, VerifyCertificate } from './agree-key';
import { RegisterEntityUserKey } from './register-entity-user-key';

@OwnsRecords(PROVISIONING)
@Module({
  imports: [AuthoritiesModule, CertificatesModule, EndsModule, EntitiesModule, GatewayLogModule, GatewaysModule],
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
  ],
})
export class EntityUserKeyModule {}
