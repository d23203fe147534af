import { invalidArgument } from '@cpns/core';
import type { Store } from '@cpns/store';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1_000;

export interface PageRequest {
  /** 0 means 100. */
  readonly pageSize: number;
  /** From the page before, or empty. */
  readonly pageToken: string;
}

/** One page of the ids of a kind. @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
export async function listPage(
  store: Store,
  kind: string,
  request: PageRequest,
): Promise<{ items: readonly string[]; next: string }> {
  if (request.pageSize > LARGEST_PAGE)
    throw invalidArgument('FIELD_OUT_OF_RANGE', `a page has ${LARGEST_PAGE} items at most`, {
      metadata: { field: 'page_size' },
    });
  const { items, next } = await store.list(kind, request.pageToken || undefined, request.pageSize || DEFAULT_PAGE);
  return { items, next: next ?? '' };
}
