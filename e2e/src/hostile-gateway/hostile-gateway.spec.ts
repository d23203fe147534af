/**
 * protocol.md, "Trust in a gateway": what a gateway cannot, tried by one that was enrolled like any other and whose keys the
 * suite holds. Most of it is bad input, whose rows this suite has in common with `bad-input`; the services' specs try the rest.
 */
import * as keys from '@cpns/testing/bad-input';
import { describeWorld, NEVER_USED, type Row } from '../bad-input/phase';
import { CHANGE_ROWS } from '../bad-input/rows/groups/changes';
import { DEVICE_ROWS } from '../bad-input/rows/groups/devices';
import { KEY_ROWS } from '../bad-input/rows/groups/keys';
import { LATE_SEALS } from './late-seals';

/** What a gateway says at the Server and at the SMF. */
const SAID: readonly Row[] = [
  ...[keys.TOKEN_ROWS, keys.CERTIFICATE_ROWS, keys.REGISTRATION_ROWS, keys.PROOF_ROWS, keys.CALLER_ROWS].flat(),
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
    'ReportCapabilities with a key-id of no key',
    'token of another entity (registration)',
    'an entity of another PN (PullGroupKey by a PN GW)',
    'an E of another PN (MembershipService.JoinServiceGroup)',
    'a leaver, a version long after (PullGroupKey by a PN GW)',
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
  { name: 'forge, alter or replay what it passes on', rows: DEVICE_ROWS },
]);
describeWorld('nor can it', {}, [{ name: 'keep a member from the next Group Key for longer', rows: LATE_SEALS }]);
