import { isRefusal } from '@cpns/core';
import type { OpenNoticeChannelResponse } from '@cpns/contracts';
import { Logger } from '@cpns/telemetry';
import { Injectable } from '@nestjs/common';
import { Channels } from '../channel/channels';
import { BackgroundLoop } from '@cpns/platform';
import { SmfClients } from '../peers/smf-clients';
import { ApplyNotice } from './apply-notice/apply-notice';

/** The gateway's end of its notice channel: SMF to SMF. */
@Injectable()
export class NoticeChannel extends BackgroundLoop {
  constructor(
    private readonly channels: Channels,
    private readonly smf: SmfClients,
    private readonly apply: ApplyNotice,
    private readonly logger: Logger,
  ) {
    super();
  }

  run(signal: AbortSignal): Promise<void> {
    const channel = {
      name: 'notice',
      open: () => this.smf.notices.openNoticeChannel(),
      progress: { kind: 'notices', id: 'own' },
      handle: (entry: OpenNoticeChannelResponse) => this.handle(entry),
    };
    return this.channels.run(channel, signal);
  }

  private async handle(entry: OpenNoticeChannelResponse): Promise<void> {
    try {
      await this.apply.execute(entry);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.logger.error('a notice of the SMF is wrong in itself and was left out', {
        sequence: String(entry.sequence),
        error,
      });
    }
  }
}
