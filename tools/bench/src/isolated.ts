/**
 * One comparison in a process of its own: what another one left behind in the heap, or made the engine forget, must not
 * weigh on it. Both sides of a comparison are always in the same process.
 */
import { execFileSync } from 'node:child_process';
import type { Comparison } from './compare';
import { benchContent } from './content';
import { benchDerivation } from './derivation';
import { benchEnvelopes } from './envelopes';
import { benchIssuance } from './issuance';

const COMPARISONS = {
  issuance: benchIssuance,
  derivation: benchDerivation,
  envelopes: benchEnvelopes,
  content: benchContent,
} as const;
export type ComparisonName = keyof typeof COMPARISONS;

const isName = (name: string | undefined): name is ComparisonName =>
  name !== undefined && Object.hasOwn(COMPARISONS, name);

/** Runs a comparison in a child. @throws Error when the child fails */
export function compareIsolated(name: ComparisonName): Comparison {
  const output = execFileSync(process.execPath, [__filename, name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(output) as Comparison;
}

if (require.main === module) {
  const [, , name] = process.argv;
  if (!isName(name)) throw new Error(`no comparison of that name: ${name ?? 'none'}`);
  void COMPARISONS[name]().then((result) => process.stdout.write(JSON.stringify(result)));
}
