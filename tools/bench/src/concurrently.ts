/** Runs a task per item, at most `limit` of them at a time; what one throws, all of it throws, once all have ended. */
export async function concurrently<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const worker = async () => {
    for (const [index, item] of waiting) results[index] = await task(item);
  };
  const settled = await Promise.allSettled(Array.from({ length: limit }, worker));
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
  return results;
}
