import { ConfirmKey } from '@cpns/core';
import { flipped, reasonOf, SeededRandom } from '@cpns/core/testing';
import { renewMac, verifyRenewMac, type RenewRequest } from './renewal';

const random = new SeededRandom('renewal');
const key = new ConfirmKey(random.bytes(32));
const request: RenewRequest = {
  keyId: '0123456789abcdef0123456789abcdef',
  method: '/cpns.v1.PnGatewayService/RenewEntityUserKey',
  entity: 'cpns://pn1.td/pne/camera',
  user: '',
  gateway: 'cpns://pn1.td/pn-gw/gw',
  form: 'key-pair',
  key: random.bytes(91),
  nonce: random.bytes(16),
};
const mac = renewMac(key, request);

describe('the MAC of a renewal', () => {
  it('is taken as it was made', () => {
    expect(reasonOf(() => verifyRenewMac(key, request, mac))).toBe('accepted');
  });

  it.each<[string, Partial<RenewRequest>, string]>([
    ['another key-id', { keyId: '1123456789abcdef0123456789abcdef' }, 'CONFIRMATION_MAC'],
    ['a key-id in upper case', { keyId: request.keyId.toUpperCase() }, 'NAME_INVALID'],
    ['no key-id', { keyId: '' }, 'FIELD_MISSING'],
    ['another method', { method: '/cpns.v1.EntityUserKeyService/RenewEntityUserKey' }, 'CONFIRMATION_MAC'],
    ['another entity', { entity: 'cpns://pn1.td/pne/other' }, 'CONFIRMATION_MAC'],
    ['another user', { user: 'alice' }, 'CONFIRMATION_MAC'],
    ['another gateway', { gateway: 'cpns://pn1.td/pn-gw/other' }, 'CONFIRMATION_MAC'],
    ['another form', { form: 'secret' }, 'CONFIRMATION_MAC'],
    ['another new key', { key: flipped(request.key, 90) }, 'CONFIRMATION_MAC'],
    ['another nonce', { nonce: flipped(request.nonce) }, 'CONFIRMATION_MAC'],
    ['a short nonce', { nonce: Buffer.alloc(12) }, 'FIELD_SIZE'],
  ])('%s', (_what, change, reason) => {
    expect(reasonOf(() => verifyRenewMac(key, { ...request, ...change }, mac))).toBe(reason);
  });

  it('is of one key', () => {
    expect(reasonOf(() => verifyRenewMac(new ConfirmKey(random.bytes(32)), request, mac))).toBe('CONFIRMATION_MAC');
    expect(reasonOf(() => verifyRenewMac(key, request, Buffer.alloc(16)))).toBe('FIELD_SIZE');
  });
});
