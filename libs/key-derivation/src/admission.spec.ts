import { CpnsError, TokenAuthKey, TokenSecret } from '@cpns/core';
import { failureOfAsync, flipped, reasonOfAsync, SeededRandom } from '@cpns/core/testing';
import { deriveTokenAuthKey, deriveTokenPsk, enrolMac, verifyEnrolMac, type EnrolRequest } from './assignment';

const random = new SeededRandom('admission');
const auth = deriveTokenAuthKey(new TokenSecret(random.bytes(32)));
const request: EnrolRequest = {
  tokenId: 'tok-1',
  method: '/cpns.v1.PnGatewayService/AssignEntityUserKey',
  entity: 'cpns://pn1.td/pne/camera',
  user: 'alice',
  gateway: 'cpns://pn1.td/pn-gw/gw',
  form: 'secret',
  key: random.bytes(65),
  nonce: random.bytes(16),
};
const mac = enrolMac(auth, request);

describe('the MAC of a request', () => {
  it('is taken as it was made', async () => {
    expect(await reasonOfAsync(() => verifyEnrolMac(auth, request, mac))).toBe('accepted');
  });

  it.each<[string, Partial<EnrolRequest>]>([
    ['token-id', { tokenId: 'tok-2' }],
    ['method', { method: '/cpns.v1.EntityUserKeyService/AssignEntityUserKey' }],
    ['entity', { entity: 'cpns://pn2.td/pne/camera' }],
    ['user', { user: '' }],
    ['gateway', { gateway: 'cpns://pn1.td/pn-gw/other' }],
    ['form', { form: 'key-pair' }],
    ['key', { key: flipped(request.key) }],
    ['nonce', { nonce: flipped(request.nonce) }],
    ['characters moved from one field to the next', { tokenId: 'tok-1/', method: request.method.slice(1) }],
  ])('another %s', async (_what, change) => {
    expect(await reasonOfAsync(() => verifyEnrolMac(auth, { ...request, ...change }, mac))).toBe('TOKEN_MAC');
  });

  it('another secret, another MAC', async () => {
    expect(await reasonOfAsync(() => verifyEnrolMac(new TokenAuthKey(random.bytes(32)), request, mac))).toBe(
      'TOKEN_MAC',
    );
    expect(await reasonOfAsync(() => verifyEnrolMac(auth, request, flipped(mac, 31)))).toBe('TOKEN_MAC');
  });

  it.each([
    ['no nonce', { nonce: Buffer.alloc(0) }, mac, 'FIELD_MISSING'],
    ['a nonce of 15 bytes', { nonce: Buffer.alloc(15) }, mac, 'FIELD_SIZE'],
    ['no MAC', {}, Buffer.alloc(0), 'FIELD_MISSING'],
    ['a MAC of 31 bytes', {}, mac.subarray(1), 'FIELD_SIZE'],
  ])('%s', async (_what, change, given, reason) => {
    expect(await reasonOfAsync(() => verifyEnrolMac(auth, { ...request, ...change }, given))).toBe(reason);
  });

  it('its refusal tells nothing of the secret or the right MAC', async () => {
    const error = await failureOfAsync(() => verifyEnrolMac(auth, request, flipped(mac)));
    expect(error).toBeInstanceOf(CpnsError);
    const told = JSON.stringify({ message: error?.message, metadata: error?.metadata, cause: String(error?.cause) });
    for (const bytes of [mac, auth.expose()]) expect(told).not.toContain(bytes.toString('hex'));
  });
});

it('A and P are apart from each other and from T', () => {
  const secret = new TokenSecret(random.bytes(32));
  const derived = deriveTokenAuthKey(secret);
  const all = [secret, derived, deriveTokenPsk(derived)].map((key) => key.expose().toString('hex'));
  expect(new Set(all).size).toBe(3);
});
