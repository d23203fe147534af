import { gatewayChannel } from '../channel';
import type { GatewayContext } from '../context';
import { isRefusal } from '../groups/refusal';
import { NOTICES_AGGREGATE } from '../records/group-records';
import type { ApplyNotice } from './apply-notice/apply-notice';

/** The gateway's end of its notice channel: SMF to SMF. */
export const noticeChannel = (gateway: GatewayContext, apply: ApplyNotice) =>
  gatewayChannel(gateway, {
    name: 'notice',
    open: () => gateway.smf.notices.openNoticeChannel(),
    progress: NOTICES_AGGREGATE,
    handle: async (entry) => {
      try {
        await apply.execute(entry);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        gateway.logger.error('a notice of the SMF is wrong in itself and was left out', {
          sequence: String(entry.sequence),
          error,
        });
      }
    },
  });
