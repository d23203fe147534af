import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { CpnsError, unauthenticated } from '@cpns/core';
import { eventually, failureOfAsync } from '@cpns/core/testing';
import { isAboutOwnCertificate } from '../errors';
import { GATEWAY, keyVersion, KmcFixture, OPERATOR, PNE, reasonOf, SERVED, SERVER, SMF } from '../testing/kmc-fixture';
import { identifyByName, TestPki } from '../testing';
import type { CallContext } from './call-context';
import { implement } from './handlers';

const kmc = new KmcFixture();
const request = { groupId: 'g', version: 1n };
afterEach(() => kmc.reset());

describe('transport', () => {
  test('an unaltered call over TLS 1.3 with a certificate of the right role is answered', async () => {
    const reply = await kmc.caller(await kmc.port(), SERVER)(request);
    expect(reply.version?.groupId).toBe('g');
    expect(kmc.served).toBe(1);
  });

  test('plaintext is refused', async () => {
    const port = await kmc.port();
    const session = http2.connect(`http://${port.address}`);
    const outcome = await new Promise<string>((resolve) => {
      session.on('error', () => resolve('refused'));
      session.on('close', () => resolve('refused'));
      session.on('remoteSettings', () => resolve('accepted'));
    });
    session.destroy();
    expect(outcome).toBe('refused');
  });

  test.each([
    ['TLSv1.3', 'a new port', 'TLSv1.3'],
    ['TLSv1.2', 'a new port', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
    ['TLSv1.2', 'one with a renewed certificate', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  ] as const)('a handshake of at most %s with %s ends with %s', async (maxVersion, what, expected) => {
    const port = await kmc.port();
    if (what !== 'a new port') port.renewCertificate(kmc.pki.server(SMF));
    const { root, ...own } = kmc.clientTls(SERVER);
    const options = { host: '127.0.0.1', port: port.port, ca: root, ...own, minVersion: 'TLSv1.2' } as const;
    const outcome = await new Promise<string | null>((resolve) => {
      const socket = tls.connect({ ...options, maxVersion, ALPNProtocols: ['h2'] }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    expect(outcome).toBe(expected);
  });

  test.each([
    ['TLSv1.3', 'accepted'],
    ['TLSv1.2', 'UNAVAILABLE/DEPENDENCY_UNAVAILABLE'],
  ] as const)('to a server whose latest version is %s our client’s connection is %s', async (maxVersion, expected) => {
    const { cert, key, ca } = kmc.tls;
    const server = http2.createSecureServer({ cert, key, ca, minVersion: 'TLSv1.2', maxVersion });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const connection = kmc.connect({ address: `127.0.0.1:${port}` }, SERVER);
    expect(await reasonOf(connection.ready(1_000))).toBe(expected);
    connection.close();
    server.close();
  });

  const other = new TestPki();
  test.each([
    ['a client without a certificate', () => ({ root: kmc.pki.root })],
    ['a client with a certificate of another root', () => ({ ...other.client(SERVER), root: kmc.pki.root })],
    ['a client that trusts another root', () => ({ ...kmc.clientTls(SERVER), root: other.root })],
  ])('%s makes no call', async (_what, clientTls) => {
    const call = kmc.caller(await kmc.port(), clientTls())(request);
    expect(await reasonOf(call)).toBe('UNAVAILABLE/DEPENDENCY_UNAVAILABLE');
    expect(kmc.served).toBe(0);
  });

  test('the server is the one that was meant, by its exact URI', async () => {
    const port = await kmc.port();
    const connection = kmc.connect(port, SERVER, { expectedPeer: SMF });
    expect(await reasonOf(connection.ready(1_000))).toBe('UNAUTHENTICATED/PEER_UNEXPECTED');
    const call = kmc.caller(port, SERVER, { expectedPeer: SMF })(request);
    expect(await reasonOf(call)).toBe('UNAUTHENTICATED/PEER_UNEXPECTED');
    expect(kmc.served).toBe(0);
  });

  test('a renewed certificate is shown to new connections', async () => {
    const port = await kmc.port();
    port.renewCertificate(kmc.pki.server(SMF));
    expect(await reasonOf(kmc.caller(port, SERVER, { expectedPeer: SMF })(request))).toBe('accepted');
  });

  test('an address that is taken is said so, by us and by the library in our log', async () => {
    const { address } = await kmc.port();
    await expect(kmc.port({ listen: address })).rejects.toThrow(`cannot listen on ${address}`);
    expect(kmc.log.text()).toContain('No address added');
  });
});

describe('roles', () => {
  test.each([
    ['the CPNS Server', SERVER, 'accepted'],
    ['another service', SMF, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
    ['a gateway', GATEWAY, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
    ['a target entity', PNE, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
    ['an operator', OPERATOR, 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'],
  ])('%s', async (_who, uri, expected) => {
    expect(await reasonOf(kmc.caller(await kmc.port(), uri)(request))).toBe(expected);
    expect(kmc.served).toBe(expected === 'accepted' ? 1 : 0);
  });

  test('a refused caller’s message is not even read', async () => {
    const port = await kmc.port();
    const call = kmc.caller(port, SMF)({ groupId: 'x'.repeat(300_000), version: 1n });
    expect(await reasonOf(call)).toBe('PERMISSION_DENIED/ROLE_NOT_PERMITTED');
  });

  test('a peer is refused on each call once admitPeer says so, and its identity was read once', async () => {
    let revoked = false;
    let identified = 0;
    const port = await kmc.port({
      identify: (der) => {
        identified += 1;
        return identifyByName(der);
      },
      admitPeer: () => {
        if (revoked) throw unauthenticated('CERTIFICATE_REVOKED', 'your certificate was revoked');
      },
    });
    const call = kmc.caller(port, SERVER);
    expect(await reasonOf(call(request))).toBe('accepted');
    revoked = true;
    expect(await reasonOf(call(request))).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
    expect({ served: kmc.served, identified }).toEqual({ served: 1, identified: 1 });
  });

  describe('an RPC that begins beside the question for its caller’s standing', () => {
    /** Settles what admitPeer answers. */
    let decide: (error?: CpnsError) => void;
    let askedForIt: () => void = () => undefined;
    const portOf = (runsDuringRevocationCheck: readonly ('getKeyVersion' | 'createKey')[]) =>
      kmc.port({
        services: [implement(SERVED, kmc.handlers, { runsDuringRevocationCheck })],
        admitPeer: () =>
          new Promise<void>((resolve, reject) => {
            decide = (error) => (error === undefined ? resolve() : reject(error));
            askedForIt();
          }),
      });
    const revoked = unauthenticated('CERTIFICATE_REVOKED', 'your certificate was revoked');
    const served = () => eventually(() => expect(kmc.served).toBe(1));

    test('is answered when that is known, and not before', async () => {
      let standing: Promise<void> | undefined;
      kmc.answer = (_request, call) => {
        ({ standing } = call);
        return Promise.resolve(keyVersion('g'));
      };
      let outcome: unknown;
      const calling = reasonOf(kmc.caller(await portOf(['getKeyVersion']), SERVER)(request));
      void calling.then((reason) => (outcome = reason));
      await served();
      await pause(50);
      expect(outcome).toBeUndefined();
      decide();
      expect(await calling).toBe('accepted');
      await expect(standing).resolves.toBeUndefined();
    });

    test.each([
      ['answered', () => Promise.resolve(keyVersion('g'))],
      ['refused', () => Promise.reject(new CpnsError('NOT_FOUND', 'no such key'))],
      ['waited', (_request: unknown, call: CallContext) => call.standing.then(() => keyVersion('g'))],
    ] as const)('gets the refusal, though its handler %s', async (_what, answer) => {
      kmc.answer = answer;
      const calling = failureOfAsync(async () => kmc.caller(await portOf(['getKeyVersion']), SERVER)(request));
      await served();
      decide(revoked);
      const error = await calling;
      expect(error).toMatchObject({ reason: 'CERTIFICATE_REVOKED' });
      expect(isAboutOwnCertificate(error)).toBe(true);
    });

    test('is one that asked for it: others begin afterwards', async () => {
      const port = await portOf(['createKey']);
      const asked = new Promise<void>((resolve) => (askedForIt = resolve));
      const calling = reasonOf(kmc.caller(port, SERVER)(request, { deadlineMs: 60_000 }));
      await asked;
      await pause(50);
      expect(kmc.served).toBe(0);
      decide(revoked);
      expect(await calling).toBe('UNAUTHENTICATED/CERTIFICATE_REVOKED');
      expect(kmc.served).toBe(0);
    });
  });

  test('each connection is its own caller’s, whose certificate is looked at once', async () => {
    const port = await kmc.port();
    const [server, smf] = [kmc.caller(port, SERVER), kmc.caller(port, SMF)];
    const round = async () => [await reasonOf(server(request)), await reasonOf(smf(request))];
    const expected = ['accepted', 'PERMISSION_DENIED/ROLE_NOT_PERMITTED'];
    expect(await round()).toEqual(expected);
    const described = jest.spyOn(tls.TLSSocket.prototype, 'getPeerCertificate');
    expect(await round()).toEqual(expected);
    expect(described).not.toHaveBeenCalled();
    described.mockRestore();
    expect(kmc.served).toBe(2);
  });

  test.each(['at the door', 'by the handler'])(
    'a caller that relays calls sees whose certificate was refused %s',
    async (where) => {
      const refuse = () => {
        throw unauthenticated('CERTIFICATE_REVOKED', 'the certificate was revoked');
      };
      const atTheDoor = where === 'at the door';
      if (!atTheDoor) kmc.answer = refuse;
      const port = await kmc.port(atTheDoor ? { admitPeer: refuse } : {});
      const error = await failureOfAsync(() => kmc.caller(port, SERVER)(request));
      expect(error).toMatchObject({ reason: 'CERTIFICATE_REVOKED', message: 'the certificate was revoked' });
      expect(isAboutOwnCertificate(error)).toBe(atTheDoor);
    },
  );

  test('an identity that is refused is refused again, and never remembered as good', async () => {
    const port = await kmc.port({
      identify: () => {
        throw unauthenticated('PEER_IDENTITY_INVALID', 'your certificate carries no CPNS identity');
      },
    });
    const call = kmc.caller(port, SERVER);
    for (let round = 0; round < 2; round += 1)
      expect(await reasonOf(call(request))).toBe('UNAUTHENTICATED/PEER_IDENTITY_INVALID');
    expect(kmc.served).toBe(0);
  });

  test('a certificate that expired while its connection lived is refused', async () => {
    let now = Date.now();
    const call = kmc.caller(await kmc.port({ clock: { now: () => now } }), SERVER);
    expect(await reasonOf(call(request))).toBe('accepted');
    now += 3 * 86_400_000;
    expect(await reasonOf(call(request))).toBe('UNAUTHENTICATED/CERTIFICATE_EXPIRED');
  });
});
