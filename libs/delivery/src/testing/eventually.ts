/** Asks again until the assertion holds, however slow the machine is; fails with its last failure after ten seconds. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  for (const until = Date.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
  }
}
