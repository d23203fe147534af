import { KeyedMutex } from '@cpns/core';
import type { GatewayContext } from '../context';
import { AcceptPush, type Seca } from '../cskmf/accept-push/accept-push';
import { HeldPushes } from '../cskmf/accept-push/held-pushes';
import { Envelopes } from '../cskmf/envelopes';
import { RequestGroupKey, type RequestingOptions } from '../cskmf/request-group-key/request-group-key';
import { Statements } from '../cskmf/statements';
import { GroupKeyHub } from '../cskmf/watch-group-keys/group-key-hub';
import { ApplyNotice } from '../smf/apply-notice/apply-notice';

export interface Groups {
  readonly seca: Seca;
  readonly pushes: AcceptPush;
  readonly requests: RequestGroupKey;
  readonly notices: ApplyNotice;
}

/** SMF in PN GW and SECA, put together. */
export function composeGroups(gateway: GatewayContext, requesting: RequestingOptions = {}): Groups {
  const seca: Seca = {
    gateway,
    statements: new Statements(gateway),
    envelopes: new Envelopes(gateway),
    hub: new GroupKeyHub(),
    groupMutex: new KeyedMutex(),
  };
  const pushes = new AcceptPush(seca, new HeldPushes(gateway));
  const requests = new RequestGroupKey(seca, requesting);
  return { seca, pushes, requests, notices: new ApplyNotice(seca, pushes, requests) };
}
