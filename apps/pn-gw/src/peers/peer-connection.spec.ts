import { CpnsError, type Reason } from '@cpns/core';
import { aboutCallersCertificate } from '@cpns/grpc';
import { relayed } from './peer-clients';

const SERVER = 'cpns://td.example/service/cpns-server';
const PLAIN = 'DEPENDENCY_UNAVAILABLE: this gateway has no access to the CPNS Server side at the moment';

describe('what a device is told of a call that the gateway made for it', () => {
  const told = (error: unknown) => {
    const result = relayed(error, SERVER);
    return `${result instanceof CpnsError ? result.reason : result.name}: ${result.message}`;
  };
  const refusal = (reason: Reason) => new CpnsError(reason, 'as the Server said it');
  const OWN: Reason[] = [
    'CERTIFICATE_REVOKED',
    'CERTIFICATE_EXPIRED',
    'PEER_IDENTITY_INVALID',
    'PEER_CERTIFICATE_REQUIRED',
    'ROLE_NOT_PERMITTED',
    'TRUST_DOMAIN',
  ];

  it.each(OWN)('not that the gateway’s own certificate met %s', (reason) => {
    expect(told(aboutCallersCertificate(refusal(reason)))).toBe(PLAIN);
  });

  it('not that another answered in the place of the Server', () => {
    expect(told(refusal('PEER_UNEXPECTED'))).toBe(PLAIN);
  });

  it.each<Reason>([...OWN, 'KEY_UNKNOWN', 'NOT_A_MEMBER', 'DEPENDENCY_UNAVAILABLE'])(
    'that %s is about what the device itself sent',
    (reason) => expect(told(refusal(reason))).toBe(`${reason}: as the Server said it`),
  );

  it('nothing else of a fault of ours', () => {
    const fault = new TypeError('x is undefined');
    expect(relayed(fault, SERVER)).toBe(fault);
  });
});
