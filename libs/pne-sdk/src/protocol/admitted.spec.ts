import { TokenSecret, type Reason } from '@cpns/core';
import type { OneTimeString } from '@cpns/key-derivation';
import { admittedBy, routeOf } from './admitted';

const GATEWAY = 'cpns://pn1.example.org/pn-gw/gw1';
const SERVER = 'cpns://example.org/service/cpns-server';
const root = Buffer.from('a root');
const oneTime: OneTimeString = {
  tokenId: 'token-1',
  secret: new TokenSecret(Buffer.alloc(32, 1)),
  rootDigest: Buffer.alloc(32),
  entity: 'cpns://pn1.example.org/pne/camera-1',
  user: 'alice',
  form: 'secret',
  peer: GATEWAY,
  endpoint: '127.0.0.1:7000',
};
const ownEnrolment: OneTimeString = { ...oneTime, entity: GATEWAY, user: '', form: 'key-pair', peer: SERVER };

describe('what a one-time string admits', () => {
  it('makes a target entity of a PNE, which asks the gateway', () => {
    const admitted = admittedBy(oneTime, root);
    expect(admitted).toMatchObject({ role: 'target-entity', peer: GATEWAY, user: 'alice', root });
    expect(routeOf(admitted)).toEqual({
      method: '/cpns.v1.PnGatewayService/AssignEntityUserKey',
      gateway: GATEWAY,
    });
  });

  it('makes a target entity of a target PN GW, which asks another gateway', () => {
    const target = 'cpns://pn1.example.org/pn-gw/gw2';
    const admitted = admittedBy({ ...oneTime, entity: target }, root);
    expect(admitted).toMatchObject({ role: 'target-entity', entity: target });
    expect(routeOf(admitted).gateway).toBe(GATEWAY);
  });

  it('makes a gateway of a PN GW that asks the Server, in its own name', () => {
    const admitted = admittedBy(ownEnrolment, root);
    expect(admitted.role).toBe('pn-gw');
    expect(routeOf(admitted)).toEqual({
      method: '/cpns.v1.EntityUserKeyService/AssignEntityUserKey',
      gateway: GATEWAY,
    });
  });

  it('keeps no secret of the string', () => {
    expect(Object.values(admittedBy(oneTime, root))).not.toContain(oneTime.secret);
  });

  it.each<[string, OneTimeString, Reason]>([
    ['a gateway of another PN', { ...oneTime, peer: 'cpns://pn2.example.org/pn-gw/gw1' }, 'PN_MISMATCH'],
    ['a gateway of another trust domain', { ...oneTime, peer: 'cpns://pn1.example.net/pn-gw/gw1' }, 'TRUST_DOMAIN'],
    ['another service', { ...ownEnrolment, peer: 'cpns://example.org/service/kmc' }, 'NAME_INVALID'],
    ['a PNE that would enrol as a gateway', { ...ownEnrolment, entity: oneTime.entity }, 'FIELD_OUT_OF_RANGE'],
    ['a gateway that would enrol with a secret', { ...ownEnrolment, form: 'secret' }, 'FIELD_OUT_OF_RANGE'],
    ['a gateway that would enrol for a user', { ...ownEnrolment, user: 'alice' }, 'FIELD_OUT_OF_RANGE'],
  ])('refuses %s', (_what, altered, reason) => {
    expect(() => admittedBy(altered, root)).toThrow(expect.objectContaining({ reason }) as Error);
  });
});
