const AT_ONCE = 32;

/** Does the same for each item, so many at a time. @throws what `work` throws first */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  atOnce = AT_ONCE,
): Promise<void> {
  for (const some of inChunks(items, atOnce)) await Promise.all(some.map(work));
}

/** Lists of at most `size` items. */
export function inChunks<T>(items: readonly T[], size: number): (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}
