import {
  KmcServiceService,
  type CreateKeyRequest,
  type CreateKeyVersionRequest,
  type DestroyKeyRequest,
  type DestroyKeyVersionRequest,
  type GetKeyVersionRequest,
} from '@cpns/contracts';
import type { Handlers } from '@cpns/grpc';
import { FlowStep, GrpcController } from '@cpns/platform';
import { Payload } from '@nestjs/microservices';
import { GroupKeys } from './group-keys';

/** OSG to KMC on the wire. */
@GrpcController(KmcServiceService)
export class KmcController implements Handlers<typeof KmcServiceService> {
  constructor(private readonly keys: GroupKeys) {}

  @FlowStep(['FLOW-PULL', 'FLOW-PUSH'], 3, ['group_id', 'request_id'])
  async createKey(@Payload() request: CreateKeyRequest) {
    return { version: await this.keys.create(request) };
  }

  @FlowStep(['GK-UPDATE-M'], 3, ['group_id', 'previous', 'request_id'])
  async createKeyVersion(@Payload() request: CreateKeyVersionRequest) {
    return { version: await this.keys.createVersion(request) };
  }

  async getKeyVersion(@Payload() request: GetKeyVersionRequest) {
    return { version: await this.keys.getVersion(request) };
  }

  async destroyKeyVersion(@Payload() request: DestroyKeyVersionRequest) {
    await this.keys.destroyVersion(request);
    return {};
  }

  @FlowStep(['GK-DELETE'], 3, ['group_id'])
  async destroyKey(@Payload() request: DestroyKeyRequest) {
    await this.keys.destroy(request);
    return {};
  }
}
