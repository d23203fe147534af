import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from '../testing/contract';
import { EmbeddedStore } from './embedded-store';

let directory: string;

storeContract('embedded', {
  start: async () => {
    directory = await mkdtemp(join(tmpdir(), 'cpns-store-'));
  },
  open: (clock) => EmbeddedStore.open(directory, { clock }),
  stop: () => rm(directory, { recursive: true, force: true }),
});
