import type { Page } from './port';

/** Makes a page of `limit` items at most; one item more than that says that there is another page. */
export function toPage(items: readonly string[], limit: number): Page {
  const page = items.slice(0, limit);
  const next = page.at(-1);
  return items.length <= limit || next === undefined ? { items: page } : { items: page, next };
}
