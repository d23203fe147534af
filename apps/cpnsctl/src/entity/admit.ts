/** `entity admit`: the secret T is made here and leaves this machine in the one-time string alone (protocol.md, "Admission"). */
import { EntityRole, type Admission, wireKeyForm } from '@cpns/contracts';
import { CpnsError, duration, SECRET_BYTES, systemRandom, TokenSecret, parseEntityUri } from '@cpns/core';
import { deriveTokenAuthKey, formatOneTimeString, KEY_FORM_BYTES, sha256, type KeyForm } from '@cpns/key-derivation';
import { Command, Option } from 'commander';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { withConnection, withServer, type ConnectionFlags, type ServerConnection } from '../connection';
import { describeAdmission, type AdmissionAnswer } from '../describe';
import { UsageError } from '../exit-codes';
import { type Io, writing } from '../io';
import * as values from '../option-values';
import { withOutput, writeAnswer, type OutputFormat } from '../output';
import { readableTime } from '../values';

const ROLES = ['target-entity', 'pn-gw'] as const;
const FORMS = Object.keys(KEY_FORM_BYTES) as KeyForm[];
const DEFAULT_LIFETIME = duration(1, 'hour');
/** How long to wait for a gateway to take the admission, and how often to look. */
const DELIVERY_MS = duration(30, 'second');
const POLL_MS = 200;

interface AdmitFlags extends ConnectionFlags {
  readonly entity: string;
  readonly user: string;
  readonly role: (typeof ROLES)[number];
  readonly form: KeyForm;
  /** E, or empty for the Server. */
  readonly assigner: string;
  readonly via?: string;
  readonly address: string;
  readonly ttl: number;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly out?: string;
  readonly wait: boolean;
  readonly output: OutputFormat;
}

/** URI of the peer that the entity will call. @throws UsageError when the options contradict one another */
export function peerOf({ role, via, assigner, entity }: AdmitFlags, server: string): string {
  if (role === 'pn-gw') {
    if (via !== undefined || assigner !== '')
      throw new UsageError('a PN GW enrols at the CPNS Server itself: leave out --via and --assigner');
    return server;
  }
  const peer = via ?? (assigner === '' ? undefined : assigner);
  if (peer === undefined) throw new UsageError('--via is needed: which PN GW will the entity call?');
  if (assigner !== '' && assigner !== peer)
    throw new UsageError('--via and --assigner name two gateways: an entity calls the gateway that assigns its key');
  if (parseEntityUri(peer).entityType !== 'pn-gw') throw new UsageError('--via does not name a PN GW');
  if (parseEntityUri(peer).pn !== parseEntityUri(entity).pn)
    throw new UsageError('--via names a PN GW of another Personal Network than the entity');
  return peer;
}

async function admit(
  server: ServerConnection,
  flags: AdmitFlags,
  secret: TokenSecret,
  now: number,
): Promise<Admission> {
  const { admission } = await server.enrolment.admitEntity({
    entity: flags.entity,
    user: flags.user,
    role: flags.role === 'pn-gw' ? EntityRole.ENTITY_ROLE_PN_GW : EntityRole.ENTITY_ROLE_TARGET_ENTITY,
    form: wireKeyForm(flags.form),
    assigner: flags.assigner,
    tokenAuthKey: deriveTokenAuthKey(secret).expose(),
    expiresAt: BigInt(now + flags.ttl),
    dnsNames: [...(flags.dns ?? [])],
    ipAddresses: [...(flags.ip ?? [])],
  });
  if (admission === undefined) throw new CpnsError('INTERNAL', 'the Server answered without the admission');
  return flags.wait ? delivered(server, admission) : admission;
}

/** Before that the gateway does not know the token. */
async function delivered(server: ServerConnection, admission: Admission): Promise<Admission> {
  let current: Admission | undefined = admission;
  for (let waited = 0; current?.delivered !== true; waited += POLL_MS) {
    if (waited >= DELIVERY_MS)
      throw new CpnsError(
        'DEPENDENCY_UNAVAILABLE',
        `the gateway did not take the admission within ${DELIVERY_MS / 1000} s: it keeps token ${admission.tokenId}, which you may revoke, or admit with --no-wait`,
      );
    await sleep(POLL_MS);
    const { admissions } = await server.enrolment.listAdmissions({
      entity: admission.entity,
      pageSize: 0,
      pageToken: '',
    });
    current = admissions.find(({ tokenId }) => tokenId === admission.tokenId);
  }
  return current;
}

function answer(io: Io, flags: AdmitFlags, admission: AdmissionAnswer, oneTimeString: string): void {
  if (flags.out !== undefined) {
    const file = flags.out;
    writing(file, () => writeFileSync(file, `${oneTimeString}\n`, { mode: 0o600, flag: 'wx' }));
  }
  const until = readableTime(admission.expiresAt, io.now());
  const shown = flags.out === undefined ? { admission, oneTimeString } : { admission, oneTimeStringFile: flags.out };
  // the facts go beside the string, so that the string alone can be sent on
  if (flags.output === 'table') io.err(`admitted ${admission.entity}, token ${admission.tokenId}, until ${until}\n`);
  writeAnswer(io, flags.output, shown, () => flags.out ?? oneTimeString);
}

const withAdmission = (command: Command): Command =>
  command
    .requiredOption('--entity <uri>', 'E: cpns://<pn-id>.<trust-domain>/<pne or pn-gw>/<entity-id>', values.entityUri)
    .option('--user <id>', 'CPNS User that the key will be for', values.userId, '')
    .addOption(
      new Option('--role <role>', 'pn-gw for a PN GW that acts for its PN').choices(ROLES).default('target-entity'),
    )
    .addOption(new Option('--form <form>', 'form of the Entity-User Key').choices(FORMS).makeOptionMandatory())
    .option('--assigner <server or uri>', 'who assigns the key: the CPNS Server, or a gateway', values.assigner, '')
    .option('--via <uri>', 'E of the PN GW that the entity calls, unless it is the assigner', values.entityUri)
    .requiredOption(
      '--address <host:port>',
      'token port of that PN GW; of the CPNS Server for --role pn-gw',
      values.endpoint,
    )
    .option(
      '--ttl <duration>',
      'how long the one-time string can be used, such as 15m, 24h, 7d',
      values.lifetime,
      DEFAULT_LIFETIME,
    )
    .option(
      '--dns <name>',
      'for --role pn-gw: DNS name that it serves under; repeatable',
      values.repeated((text: string) => text),
    )
    .option(
      '--ip <address>',
      'for --role pn-gw: address that it serves under; repeatable',
      values.repeated(values.ipAddress),
    )
    .option('--out <file>', 'write the one-time string there, readable by its owner only, instead of printing it')
    .option('--no-wait', 'do not wait until the gateway that assigns has the admission');

export function admitCommand(io: Io): Command {
  const command = new Command('admit').description('admit an entity, and print the one-time string that it is handed');
  return withOutput(withConnection(withAdmission(command))).action(async (flags: AdmitFlags) => {
    const secret = new TokenSecret(systemRandom.bytes(SECRET_BYTES));
    await withServer(flags, io.now(), async (server) => {
      const peer = peerOf(flags, server.uri);
      const { entity, user, form, address: endpoint } = flags;
      const admission = await admit(server, flags, secret, io.now());
      const content = {
        tokenId: admission.tokenId,
        secret,
        rootDigest: sha256(server.root),
        entity,
        user,
        form,
        peer,
        endpoint,
      };
      answer(io, flags, describeAdmission(admission), formatOneTimeString(content));
    });
    secret.destroy();
  });
}
