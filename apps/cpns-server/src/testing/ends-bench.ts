/** What the specs about ends begin with: entities of two assigners and of CPNS Users, two gateways, an SMF that is told. */
import { EntityRole, KeyForm, type RevokeEntityUserKeyRequest } from '@cpns/contracts';
import { parseEntityUri } from '@cpns/core';
import { FailingStore, type Failure } from '@cpns/store/testing';
import { allMembers, at } from '@cpns/store';
import type { TestingModule } from '@nestjs/testing';
import { randomBytes } from 'node:crypto';
import { Authorities } from '../authorities/authorities';
import { CskmfModule } from '../cskmf/cskmf.module';
import { AdmitEntity } from '../enrolment/admit-entity';
import { EnrolmentModule } from '../enrolment/enrolment.module';
import { ImportEntityUserKey } from '../enrolment/import-entity-user-key';
import { FollowEnds } from '../ends/follow-ends';
import { ADMISSION, admissionName, ENTITY_HEAD, EntityRecords, KEY } from '../entities/records';
import { EntityUserKeyModule } from '../entity-user-key/entity-user-key.module';
import { GatewayDeliveryModule } from '../gateway-delivery/gateway-delivery.module';
import { GatewayLog } from '../gateway-log/gateway-log';
import { GatewayOutbox } from '../gateway-log/gateway-outbox';
import { revokeOn } from './revoke';
import { gateway, GW, pne, World } from './world';

export const [A, B, C, D] = [pne('a'), pne('b'), pne('c'), pne('d')];
export const SECOND = gateway('second');
const AUTHORITIES = { provide: Authorities, useValue: {} };
const MODULES = [CskmfModule, EnrolmentModule, EntityUserKeyModule, GatewayDeliveryModule];

export class EndsBench extends World {
  /** One process of the Server. */
  on!: TestingModule;

  constructor() {
    super({ gateways: [GW, SECOND] });
  }

  override async open(): Promise<void> {
    await super.open();
    this.on = await this.start();
  }

  /** Another process. */
  async start(failure?: Failure): Promise<TestingModule> {
    const store = failure === undefined ? this.store : new FailingStore(this.store, failure);
    return (await this.process(store, [AUTHORITIES], MODULES)).module;
  }

  revoke(request: Partial<RevokeEntityUserKeyRequest>, on = this.on, wait?: number) {
    return revokeOn(on, request, wait);
  }

  /** @returns its token-id */
  async admit(entity: string, assigner = '', user = '', on = this.on): Promise<string> {
    const admission = await on.get(AdmitEntity).execute({
      entity,
      user,
      role: EntityRole.ENTITY_ROLE_TARGET_ENTITY,
      form: KeyForm.KEY_FORM_SECRET,
      assigner,
      tokenAuthKey: randomBytes(32),
      expiresAt: BigInt(this.clock.now() + 60_000_000),
      dnsNames: [],
      ipAddresses: [],
    });
    return admission.tokenId;
  }

  importKey(entity: string, user = '') {
    const notAfter = BigInt(this.clock.now() + 60_000_000);
    return this.on.get(ImportEntityUserKey).execute({ entity, user, entityUserKey: randomBytes(32), notAfter });
  }

  /** Its life and the state of its key. */
  async stateOf(entity: string) {
    const wanted = { head: at(ENTITY_HEAD), key: at(KEY) };
    const { head, key } = await this.on.get(EntityRecords).read(parseEntityUri(entity), wanted);
    return [head?.life ?? 1n, key?.state];
  }

  async admissionState(entity: string, tokenId: string) {
    const wanted = { admission: at(ADMISSION, admissionName(tokenId)) };
    return (await this.on.get(EntityRecords).read(parseEntityUri(entity), wanted)).admission?.state;
  }

  /** What lies in the log of a gateway. */
  async logOf(of: string): Promise<string[]> {
    const { entries } = await this.on.get(GatewayLog).of(of).read(0n, 1_000);
    return entries.map(({ dedupeId }) => dedupeId);
  }

  /** Another process carries on what one that died left behind. */
  async carryOn(after = 6_000): Promise<void> {
    this.clock.advance(after);
    const on = await this.start();
    await on.get(GatewayOutbox).sweep();
    await on.get(FollowEnds).sweep();
  }

  /** What is left to do. */
  async due(): Promise<string[]> {
    const sets = ['tokens', 'ends'].map((id) => allMembers(this.store, { kind: 'due', id }, 'due'));
    return (await Promise.all(sets)).flat();
  }
}
