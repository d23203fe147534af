/** PNs, and gateways of a PN, that are told side by side. */
const AT_ONCE = 16;

export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(items.slice(from, from + AT_ONCE).map(work));
}
