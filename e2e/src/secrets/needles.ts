/** Every secret of a deployment, taken out of its own stores and files by whoever has its master keys: the test. */
import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { EntityUserKey, Reader, SECRET_BYTES, TokenAuthKey, TokenSecret } from '@cpns/core';
import {
  deriveConfirmKey,
  deriveRenewAuthKey,
  deriveTokenAuthKey,
  deriveTokenPsk,
  deriveWrapKey,
  parseOneTimeString,
} from '@cpns/key-derivation';
import { DATA_KEYS_RECORD, dataKeysOf, FileMasterKey, MAC_BYTES, Sealer, type Store } from '@cpns/store';
import { dump } from '@cpns/store/testing';
import { lookIntoStore, type Deployment } from '@cpns/testing';
import { join } from 'node:path';
import type { Needle } from './scan';

/** A store with the key to it. */
export interface SealedStore {
  readonly name: string;
  readonly url: string;
  /** What binds its records. */
  readonly service: string;
  readonly masterKeyFile: string;
}

/** The store of a service, a gateway or a device of a deployment, by its name or E. */
export function sealedStoreOf(deployment: Deployment, name: string): SealedStore {
  const device = deployment.devices.find(({ entity }) => entity === name);
  if (device !== undefined) {
    const { storeUrl: url, spec } = device;
    return { name, url, service: 'pne', masterKeyFile: join(spec.directory, 'master.key') };
  }
  const service = name.includes('/') ? 'pn-gw' : name;
  return { name, url: deployment.storeUrl(name), service, masterKeyFile: deployment.masterKeyFile(name) };
}

/** A record as sealing lays it out: format, data-key-id, JSON, MAC. */
function takeApart(value: Buffer) {
  const reader = new Reader(value.subarray(0, value.length - MAC_BYTES), 'a record');
  reader.byte();
  const keyId = reader.lpText();
  return { keyId, fields: JSON.parse(reader.take(reader.remaining()).toString('utf8')) as Record<string, unknown> };
}

/** Opens whatever opens: each sealed field of each record, known to this test or not. */
async function sealedSecrets(store: Store, { name, service, masterKeyFile }: SealedStore): Promise<Needle[]> {
  const sealer = await Sealer.open({ store, service, masterKey: await FileMasterKey.load(masterKeyFile) });
  const needles: Needle[] = [];
  for (const [aggregate, { records }] of Object.entries(await dump(store))) {
    if (aggregate === `${dataKeysOf(service).kind}/${service}`) continue;
    for (const [record, { revision, value }] of Object.entries(records)) {
      const bytes = Buffer.from(value, 'base64');
      if (bytes.length === 0) continue;
      const { keyId, fields } = takeApart(bytes);
      for (const [field, sealed] of Object.entries(fields)) {
        const place = { record: `${aggregate}/${record}`, revision: BigInt(revision), field };
        const opened = typeof sealed === 'string' ? tryOpen(sealer, place, sealed, keyId) : undefined;
        if (opened !== undefined) needles.push({ what: `${name}: ${field} of ${record}`, bytes: opened });
      }
    }
  }
  return needles;
}

function tryOpen(
  sealer: Sealer,
  place: Parameters<Sealer['open']>[0],
  sealed: string,
  keyId: string,
): Buffer | undefined {
  try {
    return sealer.open(place, Buffer.from(sealed, 'base64'), keyId);
  } catch {
    // a plain field: nothing was sealed there
    return undefined;
  }
}

async function dataKeys(store: Store, { name, service, masterKeyFile }: SealedStore): Promise<Needle[]> {
  const masterKey = await FileMasterKey.load(masterKeyFile);
  const record = (await store.read(dataKeysOf(service), [DATA_KEYS_RECORD])).get(DATA_KEYS_RECORD);
  const wrapped = JSON.parse(record?.value.toString('utf8') ?? '[]') as { id: string; wrapped: string }[];
  const needles: Needle[] = [];
  for (const { id, wrapped: bytes } of wrapped) {
    const key = await masterKey.unwrap(Buffer.from(bytes, 'base64'));
    needles.push({ what: `${name}: data key ${id}`, bytes: key.expose() });
  }
  return needles;
}

const masterKeyOf = ({ name, masterKeyFile }: SealedStore): Needle => ({
  what: `${name}: master key`,
  bytes: Buffer.from(readFileSync(masterKeyFile, 'utf8').trim(), 'hex'),
});

/** All that a store and its master key give. */
export function needlesOf(sealed: SealedStore): Promise<Needle[]> {
  return lookIntoStore(sealed.url, async (store) => [
    masterKeyOf(sealed),
    ...(await dataKeys(store, sealed)),
    ...(await sealedSecrets(store, sealed)),
  ]);
}

/** T, and what follows from it. */
export function needlesOfToken(name: string, file: string): Needle[] {
  if (!existsSync(file)) return [];
  const { secret } = parseOneTimeString(readFileSync(file, 'utf8').trim());
  return [{ what: `${name}: T`, bytes: secret.expose() }, ...derived({ what: `${name}: T`, bytes: secret.expose() })];
}

/** The scalar of a private key, or the numbers that an RSA key is made of; the key as a whole is PKCS #8 in DER. */
export function scalarsOf({ what, bytes }: Needle): Needle[] {
  const jwk = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
  return [jwk.d, jwk.p, jwk.q].flatMap((part) =>
    part === undefined ? [] : [{ what: `${what}, private scalar`, bytes: Buffer.from(part, 'base64url') }],
  );
}

export const privateKeyFile = (name: string, file: string): Needle[] =>
  scalarsOf({ what: name, bytes: createPrivateKey(readFileSync(file)).export({ format: 'der', type: 'pkcs8' }) });

/** What may be derived from 32 bytes, whatever they are: A and P of a T or an A, confirm and wrap keys of an S. */
export function derived({ what, bytes }: Needle): Needle[] {
  if (bytes.length !== SECRET_BYTES) return [];
  const fromToken = deriveTokenAuthKey(new TokenSecret(bytes));
  const s = new EntityUserKey(bytes);
  const terms = { groupId: 'group', version: 1n, entity: 'cpns://pn1.testbed.example/pne/any' };
  return [
    { what: `A of ${what}`, bytes: fromToken.expose() },
    { what: `P of ${what}`, bytes: deriveTokenPsk(fromToken).expose() },
    { what: `P under ${what}`, bytes: deriveTokenPsk(new TokenAuthKey(bytes)).expose() },
    { what: `confirm key of ${what}`, bytes: deriveConfirmKey(s).expose() },
    { what: `renewal A of ${what}`, bytes: deriveRenewAuthKey(s).expose() },
    { what: `wrap key of ${what}`, bytes: deriveWrapKey(s, terms).expose() },
  ];
}

const isPrivateKey = ({ bytes }: Needle): boolean => bytes.length > SECRET_BYTES && bytes[0] === 0x30;

/** Nothing is derived from these. */
const isLast = ({ what }: Needle): boolean => /^(wrap key|content key|plaintext) of/.test(what);

/** Everything that follows, without doubles. */
export function complete(needles: readonly Needle[]): Needle[] {
  const all = needles.flatMap((needle) => [
    needle,
    // random bytes may look like DER
    ...(isLast(needle) ? [] : [...derived(needle), ...(isPrivateKey(needle) ? scalarsOf(needle) : [])]),
  ]);
  const byBytes = new Map(all.map((needle) => [needle.bytes.toString('hex'), needle]));
  return [...byBytes.values()];
}
