import { keyIdBytes } from '@cpns/key-derivation';
import type { ServerContext } from '../context';
import type { KeyRecord } from '../records/entity-records';
import { gatewayAggregate } from '../records/gateway-records';
import { sealedEntry } from './gateway-log';

/** A gateway verifies proofs of the keys that it assigned, until it hears here that one has ended. */
export async function tellAssigner(server: ServerContext, entity: string, ending: KeyRecord): Promise<void> {
  if (ending.assigner === server.uri || ending.form !== 'secret') return;
  const entry = sealedEntry(server, ending.assigner, `key-revoked.${ending.keyId}`, {
    $case: 'keyRevocation',
    value: { entity, keyId: keyIdBytes(ending.keyId) },
  });
  await server.records.append(gatewayAggregate(ending.assigner), [entry]);
}
