/** Where a request for an Entity-User Key can be sent, and what an honest one is made of there. */
import { AssignmentRequest, EntityUserKeyServiceService, PnGatewayServiceService } from '@cpns/contracts';
import { systemRandom } from '@cpns/core';
import type { KeyForm } from '@cpns/key-derivation';
import { acceptAssignment, prepareAssignment, type Assigned, type AssignedSecret } from '@cpns/pne-sdk';
import { createPrivateKey } from 'node:crypto';
import type { Credential } from '../../support/credentials';
import { opensslCsr, type OpensslCsr } from '../../support/csrs';
import { freshNonce, hpkeKey, sealAssignment, type AssignmentDraft } from '../../support/drafts';
import { row, type Expectation, type Item, type Row } from '../row';
import { ASSIGN_METHOD, type AdmitWish, type Assigner, type Port, type Token, type World } from '../world';

export interface Stage {
  /** Goes into the id of a row. */
  readonly name: string;
  readonly at: Port;
  /** Forms that can be asked for here. */
  readonly forms: readonly KeyForm[];
  /** An admission whose holder asks here. */
  readonly admit: (world: World, wish: Omit<AdmitWish, 'assigner'>) => Promise<Token>;
  /** E of the gateway that the request names. */
  readonly gatewayOf: (world: World, token: Token) => string;
  /** The path that the MAC is over. */
  readonly method: string;
  readonly send: (world: World, request: AssignmentRequest, method?: string) => Promise<unknown>;
}

const ENROL_METHOD = EntityUserKeyServiceService.assignEntityUserKey.path;

const throughGateway = (name: string, at: Port, assigner: Assigner): Stage => ({
  name,
  at,
  forms: ['secret', 'key-pair'],
  admit: (world, wish) => world.admit({ ...wish, assigner }),
  gatewayOf: (world) => world.gatewayUri,
  method: ASSIGN_METHOD,
  send: (world, request) =>
    world
      .wire(at, at === 'gateway certificate' ? 'target entity' : 'anonymous')
      .call(PnGatewayServiceService.assignEntityUserKey, { request }),
});

/** B.1.2: the gateway assigns. */
export const GATEWAY_ASSIGNS = throughGateway('gateway assigns', 'gateway token', 'gateway');
/** The same by a holder of an older certificate, on the port that asks for one. */
export const GATEWAY_ASSIGNS_CERTIFICATE = throughGateway('gateway assigns', 'gateway certificate', 'gateway');
/** B.1.1: the gateway forwards to the Server. */
export const FORWARDED = throughGateway('forwarded', 'gateway token', 'server');
/** B.1.1 from step 2 on: what a gateway hands to the Server. */
export const RELAYED: Stage = {
  name: 'relayed',
  at: 'Server certificate',
  forms: ['secret', 'key-pair'],
  admit: (world, wish) => world.admit({ ...wish, assigner: 'server' }),
  gatewayOf: (world) => world.probe.uri,
  method: ASSIGN_METHOD,
  send: (world, request, method = ASSIGN_METHOD) =>
    world
      .wire('Server certificate', 'PN GW')
      .call(EntityUserKeyServiceService.assignEntityUserKey, { request, method }),
};
/** A PN GW that enrols itself. */
export const ENROLLING: Stage = {
  name: 'gateway enrols',
  at: 'Server token',
  forms: ['key-pair'],
  admit: (world, { lifetime, entity }) => world.admitGateway(lifetime, entity),
  gatewayOf: (_world, token) => token.entity,
  method: ENROL_METHOD,
  send: (world, request, method = ENROL_METHOD) =>
    world.wire('Server token').call(EntityUserKeyServiceService.assignEntityUserKey, { request, method }),
};

let sound: OpensslCsr | undefined;
/** A sound CSR of OpenSSL's that asks for no name. */
export const soundCsr = (): OpensslCsr => (sound ??= opensslCsr());

/** What the holder of a token sends when it does nothing wrong. */
export function draftFor(stage: Stage, world: World, token: Token): AssignmentDraft {
  const { tokenId, authKey, entity, user, form } = token;
  return {
    tokenId,
    authKey,
    entity,
    user,
    form,
    gateway: stage.gatewayOf(world, token),
    key: form === 'secret' ? hpkeKey() : soundCsr(),
    nonce: freshNonce(),
    method: stage.method,
  };
}

export interface AlteredAssignment {
  readonly id: string;
  readonly item: Item;
  readonly clause: string;
  readonly form: KeyForm;
  readonly user?: string;
  /** Changes what is said; the MAC is made over the change, by a holder of A. */
  readonly draft?: (draft: AssignmentDraft, world: World) => AssignmentDraft | Promise<AssignmentDraft>;
  /** Changes the message under its MAC, as somebody on the way may. */
  readonly message?: (request: AssignmentRequest, world: World) => AssignmentRequest | Promise<AssignmentRequest>;
  /** The path that is told to the Server, where that is data. */
  readonly method?: string;
  readonly expect: Expectation;
}

interface Pair {
  readonly world: World;
  readonly unaltered: AssignmentRequest;
  readonly altered: AssignmentRequest;
  readonly twin: AssignmentRequest;
}

/**
 * Two admissions alike: the request of the first is sent as it is, the same for the second is altered. Afterwards the
 * second one's own request still gets its key, since a refused one burns nothing.
 */
export function assignmentRow(stage: Stage, spec: AlteredAssignment): Row {
  const { id, item, clause, form, user = '', expect } = spec;
  return row<Pair>({
    id: `${id} (${stage.name})`,
    item,
    clause,
    at: stage.at,
    expect,
    arrange: async (world) => {
      const [first, second] = await Promise.all([0, 1].map(() => stage.admit(world, { form, user })));
      if (first === undefined || second === undefined) throw new Error('two were admitted');
      const draft = draftFor(stage, world, second);
      const changed = sealAssignment((await spec.draft?.(draft, world)) ?? draft);
      return {
        world,
        unaltered: sealAssignment(draftFor(stage, world, first)),
        altered: (await spec.message?.(changed, world)) ?? changed,
        twin: sealAssignment(draft),
      };
    },
    good: ({ world, unaltered }) => stage.send(world, unaltered),
    bad: ({ world, altered }) => stage.send(world, altered, spec.method),
    after: ({ world, twin }) => stage.send(world, twin),
  });
}

/** Every alteration at every stage that knows its form. */
export const assignmentRows = (stages: readonly Stage[], specs: readonly AlteredAssignment[]): Row[] =>
  specs.flatMap((spec) =>
    stages.filter(({ forms }) => forms.includes(spec.form)).map((stage) => assignmentRow(stage, spec)),
  );

/** Asks for a key as a device does, with the SDK's own request, at the running gateway. */
async function assigned(world: World, { oneTime }: Token): Promise<Assigned> {
  const pending = await prepareAssignment(oneTime, world.deployment.pki.rootDer, systemRandom);
  const { reply } = await world
    .wire('gateway token')
    .call(PnGatewayServiceService.assignEntityUserKey, { request: AssignmentRequest.decode(pending.request) });
  return acceptAssignment(pending, reply, Date.now());
}

/** A key pair of one's own, and the certificate that the running gateway gives for it or gets from the Server. */
export async function assignCertificate(world: World, token: Token): Promise<Pick<Credential, 'chain' | 'privateKey'>> {
  const made = await assigned(world, token);
  if (made.form !== 'key-pair' || made.privateKey === undefined) throw new Error('a certificate was asked for');
  const key = made.privateKey.expose();
  return { chain: made.chain, privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) };
}

/** A secret from the running gateway, or through it from the Server. */
export async function assignSecret(world: World, token: Token): Promise<AssignedSecret> {
  const made = await assigned(world, token);
  if (made.form !== 'secret') throw new Error('a secret was asked for');
  return made;
}
