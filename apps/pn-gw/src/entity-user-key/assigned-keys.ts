import type { KeyRevocation } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { checkSize, KEY_ID_BYTES } from '@cpns/key-derivation';
import { at, Records } from '@cpns/store';
import { Injectable } from '@nestjs/common';
import { ASSIGNED_KEY, entityAggregate, type AssignedKeyRecord } from './records';

/** The secrets that this gateway assigned. */
@Injectable()
export class AssignedKeys {
  constructor(private readonly records: Records) {}

  /** @param entity E */
  async find(entity: string): Promise<AssignedKeyRecord | undefined> {
    return (await this.records.read(entityAggregate(entity), { key: at(ASSIGNED_KEY) })).key;
  }

  /**
   * Without the key here, proofs of it go to the Server, which knows what became of it.
   * @returns E, and the key-id in text
   * @throws CpnsError a field's reason
   */
  async forget(message: KeyRevocation): Promise<{ readonly entity: string; readonly keyId: string }> {
    const entity = parseEntityUri(message.entity, 'entity');
    checkSize(message.keyId, KEY_ID_BYTES, 'key_id');
    const keyId = message.keyId.toString('hex');
    await this.records.transact(entityAggregate(entity.uri), { key: at(ASSIGNED_KEY) }, ({ key }) =>
      key?.keyId === keyId ? { result: undefined, put: { key: null } } : { result: undefined },
    );
    return { entity: entity.uri, keyId };
  }
}
