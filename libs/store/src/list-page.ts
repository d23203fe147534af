import { invalidArgument } from '@cpns/core';
import { STORE_LIMITS } from './limits';
import type { Store } from './port';

const DEFAULT_PAGE = 100;

/** What every RPC that lists a kind asks with. */
export interface PageRequest {
  /** 0 means 100. */
  readonly pageSize: number;
  /** From the page before, or empty. */
  readonly pageToken: string;
}

/**
 * One page of the ids of a kind, as a caller of the service asked for it; `next` is empty on the last one.
 * @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID
 */
export async function listPage(
  store: Store,
  kind: string,
  request: PageRequest,
): Promise<{ items: readonly string[]; next: string }> {
  const { pageItems } = STORE_LIMITS;
  if (request.pageSize > pageItems)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `a page has ${pageItems} items at most`, {
      metadata: { field: 'page_size' },
    });
  const { items, next } = await store.list(kind, request.pageToken || undefined, request.pageSize || DEFAULT_PAGE);
  return { items, next: next ?? '' };
}
