import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { CpnsError, type Reason } from '@cpns/core';
import { aboutCallersCertificate } from '@cpns/grpc';
import { ProofServiceService, ServiceGroupNoticeServiceService } from '@cpns/contracts';
import { CALLS_AT_ONCE, clientsBehind, relayed } from './peer-clients';

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

describe('calls to a peer', () => {
  const CALLS = CALLS_AT_ONCE + 3;
  const answers: (() => void)[] = [];
  const sent = () => new Promise<void>((resolve) => answers.push(resolve));
  const client = () => ({ verifyProof: sent, openNoticeChannel: () => 'a stream' });
  const clientOf = clientsBehind({ peer: SERVER, client: client as never });

  it('are so many at a time; the others follow in their order, and streams wait for none', async () => {
    const { verifyProof } = clientOf(ProofServiceService);
    const ended: number[] = [];
    const calls = Array.from({ length: CALLS }, (_, n) => verifyProof({} as never).then(() => ended.push(n)));
    await setImmediate();
    expect(answers).toHaveLength(CALLS_AT_ONCE);
    expect(clientOf(ServiceGroupNoticeServiceService).openNoticeChannel()).toBe('a stream');
    answers[0]!();
    await setImmediate();
    expect([answers.length, ended]).toEqual([CALLS_AT_ONCE + 1, [0]]);
    for (let n = 1; n < CALLS; n += 1) {
      answers[n]!();
      await setImmediate();
    }
    await Promise.all(calls);
    expect(ended).toEqual(Array.from({ length: CALLS }, (_, n) => n));
  });

  it('are each made in the context of their own caller, also those that waited', async () => {
    const context = new AsyncLocalStorage<number>();
    const seen: (number | undefined)[] = [];
    const verifyProof = async () => {
      seen.push(context.getStore());
      await setImmediate();
    };
    const behind = clientsBehind({ peer: SERVER, client: (() => ({ verifyProof })) as never })(ProofServiceService);
    const callers = Array.from({ length: 3 * CALLS_AT_ONCE }, (_, n) => n);
    await Promise.all(callers.map((n) => context.run(n, () => behind.verifyProof({} as never))));
    expect(seen).toEqual(callers);
  });
});
