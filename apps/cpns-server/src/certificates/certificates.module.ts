/** Certificates that were ended before their time: the list, and how every replica and service hears of it. */
import { ENDED, OwnsRecords, RecentRecordsModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { CertificatesController } from './certificates.controller';
import { EndedCertificates } from './ended-certificates';

@OwnsRecords(ENDED)
@Module({
  imports: [RecentRecordsModule],
  controllers: [CertificatesController],
  providers: [EndedCertificates],
  exports: [EndedCertificates],
})
export class CertificatesModule {}
