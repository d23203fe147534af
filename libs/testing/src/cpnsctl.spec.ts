/** The program `cpnsctl` against a running deployment. It is an application: tests start it, and import nothing of it. */
import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Deployment } from './deployment';
import { mainOf } from './workspace';

jest.setTimeout(240_000);

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const cpnsctl = (...args: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(process.execPath, [mainOf('cpnsctl'), ...args], (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
  });

describe('cpnsctl', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cpns-cpnsctl-'));
  const file = (name: string) => join(directory, name);
  let deployment: Deployment;
  let server: readonly string[];
  let smf: readonly string[];
  let gateway: string;
  beforeAll(async () => {
    deployment = await Deployment.start({ gateways: [{ pn: 'pn1', id: 'gw1' }] });
    const { root, operator } = deployment.pki;
    const address = deployment.address('cpns-server', 'certificate');
    const identity = ['--root', root, '--cert', operator.chain, '--key', operator.key];
    server = ['--server', address, ...identity];
    smf = ['--smf', deployment.address('smf', 'certificate'), ...identity];
    gateway = deployment.uri('pn1/gw1');
  });
  afterAll(async () => {
    await deployment.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const jsonOf = async (...args: readonly string[]): Promise<unknown> => {
    const { code, out, err } = await cpnsctl(...args, '--output', 'json');
    if (code !== 0) throw new Error(err);
    return JSON.parse(out);
  };
  const json = (...args: readonly string[]) => jsonOf(...args, ...server);
  const group = (...args: readonly string[]) => jsonOf('group', ...args, ...smf);

  const admission = (entity: string, form: string, assigner: string) => [
    ...['entity', 'admit', '--entity', entity, '--form', form, '--assigner', assigner, '--via', gateway],
    ...['--address', deployment.address('pn1/gw1', 'token'), '--ttl', '15m'],
  ];

  it('admits a device that then comes to its key by the string that was printed', async () => {
    const entity = deployment.entity('pn1', 'pne', 'phone');
    const { code, out, err } = await cpnsctl(...admission(entity, 'secret', 'server'), '--user', 'alice', ...server);
    expect({ code, lines: out.trim().split('\n').length }).toEqual({ code: 0, lines: 1 });
    expect(err).toMatch(
      /^admitted cpns:\/\/pn1\.testbed\.example\/pne\/phone, token [0-9a-f]{32}, until .*\(in 1[45] min/,
    );
    const { result } = await deployment.device({ entity, gateway, oneTimeString: out.trim() });
    expect(result).toMatchObject({ stage: 'live', user: 'alice', assigner: deployment.uri('cpns-server') });
    expect(await json('entity', 'show', entity)).toMatchObject({
      admissions: [{ state: 'registered', form: 'secret', user: 'alice' }],
      key: { state: 'live', keyId: result.keyId },
    });
  });

  it.each([
    ['P-256', 'gateway', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'pem'],
    ['RSA-2048', 'server', ['-newkey', 'rsa:2048'], 'der'],
  ])('gets a certificate for a %s CSR of OpenSSL from the %s', async (kind, assigner, newKey, form) => {
    const [csr, string, chain] = [file(`${kind}.csr`), file(`${kind}.string`), file(`${kind}.pem`)];
    execFileSync(
      'openssl',
      ['req', '-new', ...newKey, '-nodes', '-subj', '/CN=x', '-keyout', file('key'), '-outform', form, '-out', csr],
      { stdio: 'pipe' },
    );
    const entity = deployment.entity('pn1', 'pne', kind);
    const by = assigner === 'server' ? 'server' : gateway;
    expect(await cpnsctl(...admission(entity, 'key-pair', by), '--out', string, ...server)).toMatchObject({ code: 0 });
    expect(statSync(string).mode & 0o777).toBe(0o600);
    const assign = ['entity', 'assign', '--csr', csr, '--one-time-string-file', string];
    const { code, out, err } = await cpnsctl(...assign, '--out', chain, '--output', 'json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const uri = assigner === 'server' ? deployment.uri('cpns-server') : gateway;
    expect(JSON.parse(out)).toMatchObject({ entity, user: null, assigner: uri, file: chain });
    expect(new X509Certificate(readFileSync(chain)).subjectAltName).toBe(`URI:${entity}`);
    const verify = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', deployment.pki.root];
    expect(execFileSync('openssl', [...verify, '-untrusted', chain, chain], { encoding: 'utf8' })).toContain('OK');
    expect(existsSync(`${string}.request`)).toBe(false);
    const again = await cpnsctl(...assign);
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toMatch(/^cpnsctl: .*\(TOKEN_SPENT\)\n$/);
  });

  it('lists gateways and entities, and shows one', async () => {
    expect(await json('gateway', 'list')).toMatchObject([{ entity: gateway, revoked: false }]);
    expect(await json('gateway', 'show', gateway)).toMatchObject({ entity: gateway, firstSeeds: [{ revoked: false }] });
    const entities = (await json('entity', 'list')) as { entity: string }[];
    expect(entities.map(({ entity }) => entity)).toContain(deployment.entity('pn1', 'pne', 'phone'));
    const { code, out } = await cpnsctl('entity', 'list', ...server);
    expect(code).toBe(0);
    expect(out).toContain('pne/phone');
  });

  describe('group', () => {
    const device = async (id: string): Promise<string> => {
      const entity = deployment.entity('pn1', 'pne', id);
      await deployment.device({ entity, form: 'secret', assigner: 'server', gateway: 'pn1/gw1', until: 'registered' });
      return entity;
    };
    let members: readonly string[];
    beforeAll(async () => {
      members = [await device('member-1'), await device('member-2')];
    });

    it('takes a group from its first members to its end, with a version of its key at each change', async () => {
      const [first = '', second = ''] = members;
      const create = [
        'create',
        'family',
        '--delivery',
        'pull',
        '--member',
        first,
        '--seal-period',
        '1h',
        '--name',
        'Us',
      ];
      const made = { groupId: 'family', displayName: 'Us', delivery: 'pull', sealPeriod: 3_600_000, openToJoin: false };
      expect(await group(...create)).toMatchObject({
        ...made,
        membershipRevision: 1,
        members: [first],
        deleted: false,
      });
      expect(await group('add', 'family', second, first)).toMatchObject({
        membershipRevision: 2,
        members: [first, second],
      });
      expect(await group('remove', 'family', first)).toMatchObject({ membershipRevision: 3, members: [second] });
      expect(await group('show', 'family')).toMatchObject({ ...made, members: [second] });
      expect(await json('group', 'versions', 'family')).toMatchObject({
        groupId: 'family',
        membershipRevision: 3,
        versions: [
          { version: 3, state: 'active' },
          { version: 2, state: expect.stringMatching(/^(grace|retired)$/) as string },
          { version: 1, state: expect.stringMatching(/^(grace|retired)$/) as string },
        ],
      });
      expect(await group('delete', 'family')).toMatchObject({ deleted: true, members: [] });
      expect(await json('group', 'versions', 'family')).toMatchObject({ deleted: true });
      expect(await group('list')).toMatchObject([{ groupId: 'family', deleted: true }]);
      const { code, out } = await cpnsctl('group', 'list', ...smf);
      expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/family +│ Us +│ pull/) as string });
    });

    it.each([
      ['a group that is none', /NOT_FOUND/, () => ['show', 'nobody', ...smf]],
      ['the key of a group that is none', /NOT_FOUND/, () => ['versions', 'nobody', ...server]],
      [
        'a member without a key',
        /MEMBER_WITHOUT_KEY/,
        () => ['create', 'other', '--delivery', 'push', '--member', deployment.entity('pn1', 'pne', 'none'), ...smf],
      ],
      [
        'the id of a group that was deleted',
        /GROUP_DELETED|ALREADY_EXISTS/,
        () => ['create', 'family', '--delivery', 'pull', ...smf],
      ],
      ['a member for a group that was deleted', /GROUP_DELETED/, () => ['add', 'family', members[0] ?? '', ...smf]],
    ])('is refused %s, in one line', async (_, message, args) => {
      const outcome = await cpnsctl('group', ...args());
      expect(outcome).toMatchObject({ code: 1, out: '' });
      expect(outcome.err).toMatch(message);
      expect(outcome.err.trim().split('\n')).toHaveLength(1);
    });

    it('is refused a stranger to remove, and nothing has changed', async () => {
      const [first = '', second = ''] = members;
      await group('create', 'friends', '--delivery', 'push', '--member', first, '--open-to-join', '--max-members', '2');
      const { code, err } = await cpnsctl('group', 'remove', 'friends', second, ...smf);
      expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/\(MEMBER_UNKNOWN\)/) as string });
      expect(await group('show', 'friends')).toMatchObject({ members: [first], membershipRevision: 1, maxMembers: 2 });
    });

    it('says that the SMF does not answer', async () => {
      const outcome = await cpnsctl('group', 'list', '--smf', '127.0.0.1:9', ...smf.slice(2));
      expect(outcome).toMatchObject({ code: 69, out: '' });
      expect(outcome.err).toMatch(/does not answer/);
    });
  });

  it('revokes what an entity has', async () => {
    const entity = deployment.entity('pn1', 'pne', 'phone');
    expect(await json('entity', 'revoke', entity)).toMatchObject({
      admissions: [{ state: 'revoked' }],
      key: { state: 'revoked' },
    });
  });

  it('says in one line what is wrong, and in its exit code whose fault it is', async () => {
    const nobody = deployment.entity('pn1', 'pne', 'nobody');
    const elsewhere = ['--server', '127.0.0.1:9', ...server.slice(2)];
    writeFileSync(file('garbage'), 'cpns1.AAAA');
    writeFileSync(file('csr'), 'no csr');
    const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [1, /NOT_FOUND/, ['entity', 'show', nobody, ...server]],
      [
        1,
        /PN_MISMATCH|NAME_INVALID|GATEWAY/,
        [
          ...admission(nobody, 'secret', deployment.entity('pn1', 'pn-gw', 'gw9')).map((a) =>
            a === gateway ? deployment.entity('pn1', 'pn-gw', 'gw9') : a,
          ),
          ...server,
        ],
      ],
      [69, /does not answer/, ['entity', 'list', ...elsewhere]],
      [64, /is invalid/, ['entity', 'show', 'cpns://pn1.td:x@pn2.td/pne/p', ...server]],
      [64, /CSR_NOT_DER/, ['entity', 'assign', '--csr', file('csr'), '--one-time-string-file', file('garbage')]],
      [64, /unknown command/, ['entity', 'remove']],
      [64, /cannot be read/, ['gateway', 'list', '--pki', file('nowhere')]],
    ];
    for (const [code, message, args] of cases) {
      const outcome = await cpnsctl(...args);
      expect({ args, ...outcome }).toMatchObject({ code, out: '' });
      expect(outcome.err).toMatch(message);
      expect(outcome.err.trim().split('\n')).toHaveLength(1);
    }
  });
});
