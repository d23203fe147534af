/** Controllers of each form of RPC, on which the transport is tried. */
import {
  GroupKeyDeliveryServiceService,
  KmcServiceService,
  PnGatewayServiceService,
  type CreateKeyRequest,
  type OpenDeliveryChannelRequest,
  type OpenDeliveryChannelResponse,
  type WatchGroupKeysRequest,
  type WatchGroupKeysResponse,
} from '@cpns/contracts';
import { permissionDenied } from '@cpns/core';
import type { CallContext, DuplexContext, ServerStreamContext } from '@cpns/grpc';
import { Injectable, Module, UseGuards, UseInterceptors, type CanActivate, type NestInterceptor } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { FlowStep, GrpcController } from '..';

interface SampleHandlers {
  create: (request: CreateKeyRequest, call: CallContext) => Promise<void>;
  watch: (call: ServerStreamContext<WatchGroupKeysResponse>) => Promise<void>;
  channel: (call: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>) => Promise<void>;
}

const nothing = () => Promise.resolve();
/** What the handlers do, as a test has it. */
export const handlers: SampleHandlers = { create: nothing, watch: nothing, channel: nothing };

@Injectable()
class RefusingGuard implements CanActivate {
  canActivate(): never {
    throw permissionDenied('PN_MISMATCH', 'the guard refuses');
  }
}

@Injectable()
class RefusingInterceptor implements NestInterceptor {
  intercept(): never {
    throw permissionDenied('PN_MISMATCH', 'the interceptor refuses');
  }
}

const { createKey, createKeyVersion, getKeyVersion, destroyKey } = KmcServiceService;

@GrpcController({ createKey, createKeyVersion, getKeyVersion, destroyKey })
class KmcController {
  @FlowStep(['FLOW-PULL', 'FLOW-PUSH'], 3, ['group_id', 'request_id'])
  async createKey(@Payload() request: CreateKeyRequest, @Ctx() call: CallContext) {
    await handlers.create(request, call);
    return { version: { groupId: request.groupId, version: 1n, groupKey: Buffer.alloc(32, 1) } };
  }

  @UseGuards(RefusingGuard)
  createKeyVersion(): never {
    throw new Error('a guard refused this');
  }

  @UseInterceptors(RefusingInterceptor)
  getKeyVersion(): never {
    throw new Error('an interceptor refused this');
  }

  @FlowStep('GK-DELETE', 3, ['group_id'])
  async destroyKey() {
    await Promise.resolve();
    return {};
  }
}

@GrpcController({ watchGroupKeys: PnGatewayServiceService.watchGroupKeys })
class WatchController {
  watchGroupKeys(
    @Payload() _request: WatchGroupKeysRequest,
    @Ctx() call: ServerStreamContext<WatchGroupKeysResponse>,
  ): Promise<void> {
    return handlers.watch(call);
  }
}

@GrpcController({ openDeliveryChannel: GroupKeyDeliveryServiceService.openDeliveryChannel })
class ChannelController {
  openDeliveryChannel(
    @Ctx() call: DuplexContext<OpenDeliveryChannelRequest, OpenDeliveryChannelResponse>,
  ): Promise<void> {
    return handlers.channel(call);
  }
}

@Module({ controllers: [KmcController, WatchController, ChannelController] })
export class SampleModule {}
