/** Every secret of a deployment, taken out of its own stores and files with its master keys, which this test has. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { EntityUserKey, GroupKey, Reader, SECRET_BYTES, TokenAuthKey, TokenSecret } from '@cpns/core';
import { deriveContentKey, parseContentHeader } from '@cpns/group-key';
import {
  deriveConfirmKey,
  deriveRenewAuthKey,
  deriveTokenAuthKey,
  deriveTokenPsk,
  deriveWrapKey,
} from '@cpns/key-derivation';
import { DATA_KEYS_RECORD, dataKeysOf, FileMasterKey, MAC_BYTES, Sealer, type Store } from '@cpns/store';
import { dump } from '@cpns/store/testing';
import { lookIntoStore, type Deployment } from '@cpns/testing';
import { join } from 'node:path';
import type { Needle } from './scan';

/** The stores of all services, gateways and devices, each with the key to it, and the service that binds its records. */
export const sealedStores = (deployment: Deployment) => [
  ...deployment.services.map((name) => ({
    name,
    url: deployment.storeUrl(name),
    service: name.includes('/') ? 'pn-gw' : name,
    masterKeyFile: deployment.masterKeyFile(name),
  })),
  ...deployment.devices.map(({ entity, storeUrl, spec }) => ({
    name: entity,
    url: storeUrl,
    service: 'pne',
    masterKeyFile: join(spec.directory, 'master.key'),
  })),
];

/** A record as sealing lays it out: format, data-key-id, JSON, MAC. */
function takeApart(value: Buffer) {
  const reader = new Reader(value.subarray(0, value.length - MAC_BYTES), 'a record');
  reader.byte();
  const keyId = reader.lpText();
  return { keyId, fields: JSON.parse(reader.take(reader.remaining()).toString('utf8')) as Record<string, unknown> };
}

/** Opens whatever opens: each sealed field of each record, known to this test or not. */
async function sealedSecrets(store: Store, sealer: Sealer, name: string, service: string): Promise<Needle[]> {
  const needles: Needle[] = [];
  for (const [aggregate, { records }] of Object.entries(await dump(store))) {
    if (aggregate === `${dataKeysOf(service).kind}/${service}`) continue;
    for (const [record, { revision, value }] of Object.entries(records)) {
      if (value === '') continue;
      const { keyId, fields } = takeApart(Buffer.from(value, 'base64'));
      for (const [field, sealed] of Object.entries(fields)) {
        if (typeof sealed !== 'string') continue;
        const place = { record: `${aggregate}/${record}`, revision: BigInt(revision), field };
        try {
          const bytes = sealer.open(place, Buffer.from(sealed, 'base64'), keyId);
          needles.push({ what: `${name}: ${field} of ${record}`, bytes });
        } catch {
          // a plain field: nothing was sealed there
        }
      }
    }
  }
  return needles;
}

/** All that the stores and their master keys give. */
export async function storedNeedles(deployment: Deployment): Promise<Needle[]> {
  const all = sealedStores(deployment).map(({ name, url, service, masterKeyFile }) =>
    lookIntoStore(url, async (store) => {
      const masterKey = await FileMasterKey.load(masterKeyFile);
      const record = (await store.read(dataKeysOf(service), [DATA_KEYS_RECORD])).get(DATA_KEYS_RECORD);
      const wrapped = JSON.parse(record?.value.toString('utf8') ?? '[]') as { id: string; wrapped: string }[];
      const dataKeys = wrapped.map(async (key) => ({
        what: `${name}: data key ${key.id}`,
        bytes: (await masterKey.unwrap(Buffer.from(key.wrapped, 'base64'))).expose(),
      }));
      return [
        { what: `${name}: master key`, bytes: Buffer.from(readFileSync(masterKeyFile, 'utf8').trim(), 'hex') },
        ...(await Promise.all(dataKeys)),
        ...(await sealedSecrets(store, await Sealer.open({ store, service, masterKey }), name, service)),
      ];
    }),
  );
  return (await Promise.all(all)).flat();
}

/** The numbers that a private key is made of, a scalar or those of RSA; and from 32 bytes, whatever they are, all keys. */
function derived({ what, bytes }: Needle): Needle[] {
  if (bytes.length > SECRET_BYTES && bytes[0] === 0x30) {
    const jwk = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' });
    const parts = [jwk.d, jwk.p, jwk.q].filter((part) => part !== undefined);
    return parts.map((part) => ({ what: `${what}, private scalar`, bytes: Buffer.from(part, 'base64url') }));
  }
  if (bytes.length !== SECRET_BYTES) return [];
  const fromToken = deriveTokenAuthKey(new TokenSecret(bytes));
  const s = new EntityUserKey(bytes);
  return [
    { what: `A of ${what}`, bytes: fromToken.expose() },
    { what: `P of ${what}`, bytes: deriveTokenPsk(fromToken).expose() },
    { what: `P under ${what}`, bytes: deriveTokenPsk(new TokenAuthKey(bytes)).expose() },
    { what: `confirm key of ${what}`, bytes: deriveConfirmKey(s).expose() },
    { what: `renewal A of ${what}`, bytes: deriveRenewAuthKey(s).expose() },
  ];
}

/** Of every S, for every version of every group and every member, whether the S is that member's or not. */
export const wrapKeys = (secrets: readonly Needle[], terms: readonly Parameters<typeof deriveWrapKey>[1][]): Needle[] =>
  secrets
    .filter(({ bytes }) => bytes.length === SECRET_BYTES)
    .flatMap(({ what, bytes }) =>
      terms.map((term) => ({
        what: `wrap key of ${what}`,
        bytes: deriveWrapKey(new EntityUserKey(bytes), term).expose(),
      })),
    );

/** The key of every session, with whichever Group Key its message was sealed under. */
export const contentKeys = (messages: readonly Buffer[], groupKeys: readonly Needle[]): Needle[] =>
  messages.flatMap((message, index) =>
    groupKeys.map(({ bytes }) => ({
      what: `content key of message ${index}`,
      bytes: deriveContentKey(new GroupKey(bytes), parseContentHeader(message)).expose(),
    })),
  );

/** Each once. */
export const distinct = (needles: readonly Needle[]): Needle[] => [
  ...new Map(needles.map((needle) => [needle.bytes.toString('hex'), needle])).values(),
];

/** Everything that follows as well, without doubles. */
export const complete = (needles: readonly Needle[]): Needle[] =>
  distinct(needles.flatMap((needle) => [needle, ...derived(needle)]));
