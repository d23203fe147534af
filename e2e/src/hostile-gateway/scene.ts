/**
 * A deployment with an honest gateway, and two gateways whose keys the test holds: one of the same PN, one of another. They
 * were enrolled like any other; what they do with what they hold is up to the test.
 */
import {
  AssignmentRequest,
  EntityUserKeyServiceService,
  type AssignmentReply,
  type RegistrationReply,
  type RegistrationRequest,
} from '@cpns/contracts';
import { systemClock, systemRandom } from '@cpns/core';
import { parseOneTimeString, type KeyForm } from '@cpns/key-derivation';
import {
  acceptAssignment,
  prepareAssignment,
  prepareRegistration,
  registrationRequest,
  type Assigned,
  type PendingAssignment,
  type PendingRegistration,
} from '@cpns/pne-sdk';
import { Deployment, type DeploymentOptions } from '@cpns/testing';
import { freshNonce, type SecretRegistrationDraft, TestGateway } from '@cpns/testing/bad-input';

const ASSIGN = EntityUserKeyServiceService.assignEntityUserKey;
const REGISTER = EntityUserKeyServiceService.registerEntityUserKey;
const HOUR = 3_600_000;
/** What an entity calls at a gateway. */
export const ENTITY_METHOD = '/cpns.v1.PnGatewayService/AssignEntityUserKey';

/** An entity that trusts a hostile gateway with its messages, and with nothing else. */
export interface Victim {
  readonly entity: string;
  readonly pending: PendingAssignment;
  readonly request: AssignmentRequest;
}

/** A victim whose key was assigned, with the registration that it would send. */
export interface AssignedVictim extends Victim {
  readonly assigned: Assigned;
  readonly registering: PendingRegistration;
  readonly registration: RegistrationRequest;
}

export class Scene {
  #entities = 0;

  protected constructor(
    readonly deployment: Deployment,
    /** Of pn1. */
    readonly hostile: TestGateway,
    /** Of pn1 as well. */
    readonly accomplice: TestGateway,
    /** Of pn2. */
    readonly foreign: TestGateway,
  ) {}

  /** Without Service Groups. */
  static async start(trustDomain: string): Promise<Scene> {
    return new Scene(...(await Scene.build({ trustDomain, services: ['cpns-server'] })));
  }

  protected static async build(options: DeploymentOptions) {
    const deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'honest' }], ...options });
    const hostile = await TestGateway.enrol(deployment, 'pn1', 'hostile');
    const accomplice = await TestGateway.enrol(deployment, 'pn1', 'accomplice');
    return [deployment, hostile, accomplice, await TestGateway.enrol(deployment, 'pn2', 'foreign')] as const;
  }

  async stop(): Promise<void> {
    for (const gateway of [this.hostile, this.accomplice, this.foreign]) gateway.close();
    await this.deployment.stop();
  }

  newEntity(pn = 'pn1'): string {
    return this.deployment.entity(pn, 'pne', `victim-${++this.#entities}`);
  }

  /** An entity that was told to call the hostile gateway, or that of its own PN, and makes its request there. */
  async victim(form: KeyForm, assigner: 'server' | TestGateway = 'server', entity = this.newEntity()): Promise<Victim> {
    const { oneTimeString } = await this.deployment.operator.admit({
      entity,
      form,
      ...(assigner === 'server' ? {} : { assigner: assigner.uri }),
      peer: {
        uri: (entity.includes('://pn1.') ? this.hostile : this.foreign).uri,
        address: this.deployment.address('pn1/honest', 'token'),
      },
      waitUntilDelivered: false,
    });
    const oneTime = parseOneTimeString(oneTimeString);
    const pending = await prepareAssignment(oneTime, this.deployment.pki.rootDer, systemRandom);
    return { entity, pending, request: AssignmentRequest.decode(pending.request) };
  }

  /** Forwards a request as the hostile gateway. @throws Refusal */
  async forward(
    request: AssignmentRequest,
    method = ENTITY_METHOD,
    gateway = this.hostile,
  ): Promise<AssignmentReply | undefined> {
    return (await gateway.server.call(ASSIGN, { request, method })).reply;
  }

  /** Relays a registration as the hostile gateway. @throws Refusal */
  async relay(request: RegistrationRequest, gateway = this.hostile): Promise<RegistrationReply | undefined> {
    return (await gateway.server.call(REGISTER, { request })).reply;
  }

  /** A registration of a secret that the hostile gateway assigned to one of its own, as the entity would send it. */
  async secretRegistration(gateway = this.hostile, pn = 'pn1'): Promise<SecretRegistrationDraft> {
    const { entity, pending } = await this.victim('secret', gateway, this.newEntity(pn));
    const { terms, secondSeed, secret } = gateway.deriveKey(entity, '', systemClock.now() + HOUR);
    const { tokenId } = pending.admitted;
    return { secret, terms: { ...terms, tokenId, secondSeed, nonce: freshNonce() } };
  }

  /** A victim whose certificate the Server issued, honestly forwarded so far. */
  async assignedVictim(): Promise<AssignedVictim> {
    const victim = await this.victim('key-pair');
    const assigned = acceptAssignment(victim.pending, await this.forward(victim.request), systemClock.now());
    const registering = await prepareRegistration(victim.pending.admitted, assigned, systemRandom);
    return {
      ...victim,
      assigned,
      registering,
      registration: registrationRequest(victim.pending.admitted, assigned, registering),
    };
  }
}
