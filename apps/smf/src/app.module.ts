/** The Service Management Function in the Server domain (SMF-SRV): it owns Service Groups and their members. */
import { certificateTransport, ServiceRuntimeModule } from '@cpns/platform';
import { Module } from '@nestjs/common';
import { SmfConfig } from './config';
import { MembershipModule } from './membership/membership.module';
import { ServiceGroupModule } from './service-group/service-group.module';

/** 1,000 names of the longest kind are a third of a mebibyte; a group document is one. In bytes. */
const MESSAGE_MAX_BYTES = 8 * 1024 * 1024;

@Module({
  imports: [ServiceRuntimeModule.forRoot({ configClass: SmfConfig }), ServiceGroupModule, MembershipModule],
  providers: [certificateTransport(SmfConfig, { maxMessageBytes: MESSAGE_MAX_BYTES })],
})
export class AppModule {}
