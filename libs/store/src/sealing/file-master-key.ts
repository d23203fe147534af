import { createCipheriv, createDecipheriv } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { CpnsError, DataKey, MasterKey, SECRET_BYTES, systemRandom, type Random } from '@cpns/core';
import { invalidRecord } from './formulas';
import { WRAPPED_BYTES, type MasterKeyProvider } from './master-key';

const CIPHER = 'id-aes256-wrap';
/** RFC 3394, 2.2.3.1. */
const INITIAL_VALUE = Buffer.alloc(8, 0xa6);
const OTHERS = 0o077;
/** Hex with a line feed, and one byte more, so that a longer file is seen to be longer. */
const READ_BYTES = 2 * SECRET_BYTES + 3;

const wrong = (what: string, cause?: unknown): CpnsError =>
  new CpnsError('CONFIGURATION_INVALID', `the file of the master key ${what}`, { cause });

/** The master key in a file of its own: 32 bytes, raw or as 64 hex digits (and a line feed), readable by its owner only. */
export class FileMasterKey implements MasterKeyProvider {
  private constructor(private readonly key: MasterKey) {}

  /** @throws CONFIGURATION_INVALID in one sentence, which names no path and no content */
  static async load(path: string): Promise<FileMasterKey> {
    const file = await open(path, 'r').catch((cause: unknown) => {
      throw wrong('cannot be read', cause);
    });
    try {
      return new FileMasterKey(await readKey(file));
    } finally {
      await file.close();
    }
  }

  /**
   * Makes the file with a random key and mode 0600, and loads it.
   * @throws CONFIGURATION_INVALID when there is a file already: overwriting a master key loses every record
   */
  static async create(path: string, random: Random = systemRandom): Promise<FileMasterKey> {
    const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
      throw wrong('cannot be made, or is there already', cause);
    });
    try {
      await file.writeFile(`${random.bytes(SECRET_BYTES).toString('hex')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return FileMasterKey.load(path);
  }

  // nothing here waits; the port does, for tokens
  wrap(key: DataKey): Promise<Buffer> {
    const cipher = createCipheriv(CIPHER, this.key.expose(), INITIAL_VALUE);
    return Promise.resolve(Buffer.concat([cipher.update(key.expose()), cipher.final()]));
  }

  async unwrap(wrapped: Uint8Array): Promise<DataKey> {
    if (wrapped.length !== WRAPPED_BYTES) throw invalidRecord('data key', `has ${wrapped.length} bytes`);
    const decipher = createDecipheriv(CIPHER, this.key.expose(), INITIAL_VALUE);
    try {
      return await Promise.resolve(new DataKey(Buffer.concat([decipher.update(wrapped), decipher.final()])));
    } catch (cause) {
      throw invalidRecord('data key', 'was altered, or wrapped by another master key', cause);
    }
  }
}

async function readKey(file: FileHandle): Promise<MasterKey> {
  const status = await file.stat();
  if (!status.isFile()) throw wrong('is no file');
  if ((status.mode & OTHERS) !== 0) throw wrong('may be read by others than its owner: give it mode 0600');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, 0);
  const content = buffer.subarray(0, bytesRead);
  try {
    return new MasterKey(keyOf(content));
  } finally {
    buffer.fill(0);
  }
}

function keyOf(content: Buffer): Buffer {
  if (content.length === SECRET_BYTES) return content;
  const text = content.toString('latin1');
  if (/^[0-9a-fA-F]{64}\r?\n?$/.test(text)) return Buffer.from(text.slice(0, 2 * SECRET_BYTES), 'hex');
  throw wrong(`has to hold ${SECRET_BYTES} bytes, or ${2 * SECRET_BYTES} hex digits`);
}
