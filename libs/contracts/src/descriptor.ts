import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// one level up from src as well as from dist
const FILE = join(__dirname, '..', 'descriptor.binpb');

/** The FileDescriptorSet of all protos, imports included, as `buf build` writes it: what reflection serves. */
export const descriptorSet = (): Buffer => readFileSync(FILE);
