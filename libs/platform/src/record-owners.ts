import type { RecordDefinition } from '@cpns/store';

const OWNED = Symbol('owned records');

/** Says of a module that it owns these kinds of records: no other module of the process reads or writes them by itself. */
export const OwnsRecords =
  (...records: readonly RecordDefinition[]): ClassDecorator =>
  (module) =>
    Reflect.defineMetadata(OWNED, records, module);

/** @throws Error for a record that two of the modules own, which names all three */
export function checkRecordOwners(modules: readonly { readonly name: string }[]): void {
  const owners = new Map<RecordDefinition, string>();
  for (const module of new Set(modules)) {
    for (const record of (Reflect.getOwnMetadata(OWNED, module) ?? []) as readonly RecordDefinition[]) {
      const owner = owners.get(record);
      if (owner !== undefined) throw new Error(`${owner} and ${module.name} both own the record '${record.name}'`);
      owners.set(record, module.name);
    }
  }
}
