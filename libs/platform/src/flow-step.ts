import { Clock } from '@cpns/core';
import type { CallContext } from '@cpns/grpc';
import { askedFlow, withinMessageStep, type CarriedField, type FlowId, type StepOf } from '@cpns/telemetry';
import {
  applyDecorators,
  Injectable,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { OwnIdentity } from './own-identity';

const FLOW_STEP = 'cpns:flow-step';

interface MessageStep {
  /** One flow that the message always belongs to, or those in whose course it may come. */
  readonly flow: FlowId | readonly FlowId[];
  readonly step: StepOf<FlowId>;
  readonly carried: readonly CarriedField[];
}

/** Runs a handler as the work of the step that its message is; the step is reported once the handler accepted the message. */
@Injectable()
export class FlowStepInterceptor implements NestInterceptor {
  constructor(
    private readonly own: OwnIdentity,
    private readonly clock: Clock,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { flow: one, step, carried } = Reflect.getMetadata(FLOW_STEP, context.getHandler()) as MessageStep;
    const flow = typeof one === 'string' ? one : one.find((asked) => asked === askedFlow());
    if (flow === undefined) return next.handle();
    const call = context.switchToRpc().getContext<CallContext>();
    const sender = call.peer?.uri ?? call.requireEntity().entity;
    const report = { flow, step, from: sender, to: this.own.uri, carried, startedAt: this.clock.now() };
    return from(withinMessageStep(report, () => lastValueFrom(next.handle(), { defaultValue: undefined })));
  }
}

/**
 * Says of an RPC which step its message is: of this flow, or, given a list, of that one of these flows in whose course the
 * caller says that it calls; in any other flow, or in none, the message is no step then.
 * @param carried names of the fields that the message carried
 */
export const FlowStep = <F extends FlowId>(flow: F | readonly F[], step: StepOf<F>, carried: readonly CarriedField[]) =>
  applyDecorators(SetMetadata(FLOW_STEP, { flow, step, carried }), UseInterceptors(FlowStepInterceptor));
