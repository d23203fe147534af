/**
 * What a gateway gains by withholding the next version of a Group Key: the rest of the seal period, and no more.
 *
 * protocol.md, "Trust in a gateway": what a gateway cannot, tried by one that was enrolled like any other and whose keys the
 * suite holds. Most of it is bad input, whose rows this suite has in common with `bad-input`; the services' specs try the rest.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseContentHeader } from '@cpns/group-key';
import * as keys from '@cpns/testing/bad-input';
import { row, type Shown } from '@cpns/testing/bad-input';
import { describeWorld, NEVER_USED, type Row } from '../bad-input/phase';
import { CHANGE_ROWS } from '../bad-input/rows/groups/changes';
import { DEVICE_ROWS } from '../bad-input/rows/groups/devices';
import { KEY_ROWS } from '../bad-input/rows/groups/keys';
import { device, GroupMember, type Tamper } from '../bad-input/rows/groups/served-devices';
import { group, groupsOf, member } from '../bad-input/rows/groups/stage';
import type { World } from '../bad-input/world';

/** As short as a group may have it, and long enough for a pull on a busy machine; milliseconds. */
const SEAL_PERIOD = 3_000;

/** A member that sealed with version 1 in time, when version 2 waits for it; and how its gateway withholds that. */
async function sealedInTime(world: World, withholding: Withholding) {
  const own = await device(world, 1);
  const one = new GroupMember(own, await group(world, [own.entity], { sealPeriod: SEAL_PERIOD }));
  const tamper = await withholding(one);
  await one.pull();
  expect(await versionSealedWith(one)).toBe(1n);
  await groupsOf(world).addMembers(one.groupId, [await member(world)]);
  return { one, tamper };
}
type Withholding = (victim: GroupMember) => Promise<Tamper>;
const versionSealedWith = async (one: GroupMember) => parseContentHeader(await one.seal('a message')).version;

/** Both seal once the seal period is over. */
const lateSeal = (shown: Shown, withholding: Withholding): Row =>
  row(shown, 'device', async (world: World) => {
    const { one: honest } = await sealedInTime(world, withholding);
    const { one: victim, tamper } = await sealedInTime(world, withholding);
    return {
      good: async () => {
        await sleep(SEAL_PERIOD + 50);
        expect(await versionSealedWith(honest)).toBe(2n);
      },
      bad: () => victim.through(tamper, () => victim.seal('too late')),
      after: async () => {
        await victim.pull();
        expect(await versionSealedWith(victim)).toBe(2n);
      },
    };
  });

const ITEM = 'a replayed or lower statement';
const BEFORE: Shown = ['sealing late, behind the delivery of the version before', ITEM, 'SEAL_PERIOD_OVER'];
const ANEW: Shown = ['sealing late, behind the version before as the Server states it anew', ITEM, 'SEAL_PERIOD_OVER'];

const LATE_SEALS: readonly Row[] = [
  lateSeal(BEFORE, async (victim) => {
    const old = await victim.honest();
    return () => old;
  }),
  lateSeal(ANEW, (victim) => Promise.resolve(() => victim.honest(1n))),
];

/** What a gateway says at the Server and at the SMF. */
const SAID: readonly Row[] = [
  ...[keys.TOKEN_ROWS, keys.CERTIFICATE_ROWS, keys.REGISTRATION_ROWS, keys.PROOF_ROWS, keys.CALLER_ROWS].flat(),
  ...keys.ENTITY_PROOF_ROWS,
  ...CHANGE_ROWS,
  ...KEY_ROWS,
].filter(({ at }) => at === 'Server certificate' || at === 'SMF certificate');

const CANNOT: Readonly<Record<string, readonly string[]>> = {
  'read or swap a key that the Server assigns': [
    'another HPKE key under the MAC (relayed)',
    'request made to another gateway (relayed)',
    'another HPKE key under the signature (registration)',
    'token of the Server with a key that a gateway derived',
  ],
  'act as any other entity': [
    'AssignEntityUserKey by PN GW of another PN',
    'RegisterEntityUserKey by PN GW of another PN',
    'ReportCapabilities by PN GW of another PN',
    'token of another entity (registration)',
    'an entity of another PN (PullGroupKey by a PN GW)',
    'an E of another PN (MembershipService.JoinServiceGroup)',
    'a leaver, a version long after (PullGroupKey by a PN GW)',
  ],
  'make an entity join, leave or report': [
    'no own proof (MembershipService.JoinServiceGroup)',
    'own proof of another entity (MembershipService.JoinServiceGroup)',
    'own proof for the gateway (MembershipService.JoinServiceGroup)',
    'own proof to leave (MembershipService.JoinServiceGroup)',
    'another message under the own proof (MembershipService.JoinServiceGroup)',
    'the same own proof again (MembershipService.JoinServiceGroup)',
    'own proof from before the last one (MembershipService.JoinServiceGroup)',
    'no own proof (relayed report, of a secret)',
    'own proof of another entity (relayed report, of a certificate)',
    'another message under the own proof (relayed report, of a certificate)',
    'own proof from before the last one (relayed report, of a secret)',
    'a relay with another certificate (for SMF)',
    'a relay of another PN (for SMF)',
  ],
  'gain by what it repeats, or hands to another Server': [
    'the same proof and message again (ProofService)',
    'later not-after than assigned (registration)',
    'entity of another trust domain (relayed)',
    'entity of another trust domain (registration)',
  ],
  'have certificates accepted that are not its to issue': [
    'certificate of another PN’s entity, by a gateway CA (registration)',
    'certificate by a gateway CA of another PN (registration)',
    'certificate by a gateway CA for an entity that the Server assigns',
  ],
};

function named(id: string): Row {
  const found = SAID.find((row) => row.id === id);
  if (found === undefined) throw new Error(`no row of bad input is named ${id}`);
  return found;
}

describeWorld('a hostile gateway cannot', NEVER_USED, [
  ...Object.entries(CANNOT).map(([name, ids]) => ({ name, rows: ids.map(named) })),
  { name: 'act elsewhere by certificates that it issued', rows: keys.LIVE_CREDENTIAL_ROWS },
  { name: 'forge, alter or replay what it passes on', rows: DEVICE_ROWS },
]);
describeWorld('nor can it', {}, [{ name: 'keep a member from the next Group Key for longer', rows: LATE_SEALS }]);
