/** As many as the Server gives at once. */
export const PAGE_SIZE = 1_000;

/**
 * Every page of a list.
 * @param page gets one page, by the token of the one before or an empty one
 */
export async function allPages<T>(
  page: (pageToken: string) => Promise<{ readonly items: readonly T[]; readonly nextPageToken: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const { items, nextPageToken } = await page(token);
    all.push(...items);
    token = nextPageToken;
  } while (token !== '');
  return all;
}
