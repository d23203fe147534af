/** The program `cpnsctl` against a running deployment. It is an application: tests start it, and import nothing of it. */
import { execFile, execFileSync } from 'node:child_process';
import { duration, SECRET_BYTES } from '@cpns/core';
import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
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

  const nobody = () => deployment.entity('pn1', 'pne', 'nobody');
  const unknown = () => deployment.entity('pn1', 'pn-gw', 'gw9');
  const admission = (entity: string, form: string, assigner: string, via = gateway) => [
    ...['entity', 'admit', '--entity', entity, '--form', form, '--assigner', assigner, '--via', via],
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
    expect(await json('entity', 'show', entity, '--no-groups')).toMatchObject({
      admissions: [{ state: 'registered', form: 'secret', user: 'alice' }],
      key: { state: 'live', keyId: result.keyId },
    });
  });

  it('gets a certificate for a CSR of OpenSSL from the gateway', async () => {
    const [csr, string, chain] = [file('csr'), file('string'), file('chain.pem')];
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key')];
    execFileSync('openssl', ['req', '-new', ...newKey, '-subj', '/CN=x', '-out', csr], { stdio: 'pipe' });
    const entity = deployment.entity('pn1', 'pne', 'tablet');
    const admitted = await cpnsctl(...admission(entity, 'key-pair', gateway), '--out', string, ...server);
    expect(admitted).toMatchObject({ code: 0 });
    expect(statSync(string).mode & 0o777).toBe(0o600);
    const assign = ['entity', 'assign', '--csr', csr, '--one-time-string-file', string];
    const { code, out, err } = await cpnsctl(...assign, '--out', chain, '--output', 'json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(JSON.parse(out)).toMatchObject({ entity, user: null, assigner: gateway, file: chain });
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

  it('takes a group from its first members to its end, with a version of its key at each change', async () => {
    const members = ['member-1', 'member-2'].map((id) => deployment.entity('pn1', 'pne', id));
    const [first = '', second = ''] = members;
    for (const entity of members)
      await deployment.operator.importKey(entity, '', randomBytes(SECRET_BYTES), duration(1, 'day'));
    const made = {
      groupId: 'family',
      displayName: 'Us',
      delivery: 'pull',
      sealPeriod: 3_600_000,
      openToJoin: true,
      maxMembers: 2,
    };
    const options = [
      '--delivery',
      'pull',
      '--seal-period',
      '1h',
      '--name',
      'Us',
      '--open-to-join',
      '--max-members',
      '2',
    ];
    expect(await group('create', 'family', ...options, '--member', first)).toMatchObject({
      ...made,
      membershipRevision: 1,
      members: [first],
      deleted: false,
    });
    expect(await group('add', 'family', second, first)).toMatchObject({ membershipRevision: 2, members });
    expect(await group('remove', 'family', first)).toMatchObject({ membershipRevision: 3, members: [second] });
    const stranger = await cpnsctl('group', 'remove', 'family', nobody(), ...smf);
    expect(stranger).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/\(MEMBER_UNKNOWN\)/) as string });
    expect(await group('show', 'family')).toMatchObject({ ...made, membershipRevision: 3, members: [second] });
    const past = expect.stringMatching(/^(grace|retired)$/) as string;
    expect(await json('group', 'versions', 'family')).toMatchObject({
      groupId: 'family',
      membershipRevision: 3,
      versions: [
        { version: 3, state: 'active' },
        { version: 2, state: past },
        { version: 1, state: past },
      ],
    });
    expect(await group('delete', 'family')).toMatchObject({ deleted: true, members: [] });
    expect(await json('group', 'versions', 'family')).toMatchObject({ deleted: true });
    expect(await group('list')).toMatchObject([{ groupId: 'family', deleted: true }]);
    const { code, out } = await cpnsctl('group', 'list', ...smf);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/family +│ Us +│ pull/) as string });
  });

  it('renews the key of a group by hand, and changes what the group is', async () => {
    const entity = deployment.entity('pn1', 'pne', 'phone');
    await group('create', 'friends', '--delivery', 'push', '--member', entity);
    expect(await json('group', 'rotate', 'friends', '--emergency', '--yes')).toMatchObject({
      versions: [{ version: 2 }, {}],
    });
    expect(await group('update', 'friends', '--update-period', '1h')).toMatchObject({
      updatePeriod: 3_600_000,
      descriptionRevision: 2,
    });
    const versions = async () => json('group', 'versions', 'friends');
    expect(await versions()).toMatchObject({ versions: [{ version: 2, state: 'active', recipients: 1 }, {}] });
    const shown = await cpnsctl('entity', 'show', entity, ...server, ...smf);
    expect(shown.out).toMatch(/friends +│ member +│ .*2/);
  });

  it('suspends, resumes and revokes an entity, once it is confirmed', async () => {
    const entity = deployment.entity('pn1', 'pne', 'phone');
    const groups = { count: 1, names: ['friends'] };
    const ends = (what: string, ...options: readonly string[]) => json('entity', what, entity, ...options);
    expect(await cpnsctl('entity', 'suspend', entity, ...server)).toMatchObject({ code: 64, out: '' });
    expect(await ends('suspend', '--yes')).toMatchObject({
      key: { state: 'suspended' },
      report: { complete: true, groups },
    });
    expect(await group('show', 'friends')).toMatchObject({ members: [], suspended: [entity] });
    expect(await ends('resume', '--yes')).toMatchObject({ key: { state: 'live' }, report: { groups } });
    expect(await ends('revoke', '--dry-run')).toMatchObject({
      dryRun: true,
      key: { state: 'live' },
      report: { groups },
    });
    expect(await ends('revoke', '--yes')).toMatchObject({
      key: { state: 'revoked' },
      report: { complete: true, groups },
    });
    expect(await group('show', 'friends')).toMatchObject({ members: [], suspended: [] });
  });

  it('retires a gateway by a date, and ends it at once', async () => {
    const retire = (...options: readonly string[]) => json('gateway', 'retire', gateway, ...options, '--yes');
    expect(await retire('--in', '1d')).toMatchObject({ gateway: { entity: gateway, revoked: false } });
    expect(await retire('--cancel')).toMatchObject({ gateway: { retireAt: null } });
    expect(await json('gateway', 'revoke', gateway, '--yes')).toMatchObject({ entity: gateway, dryRun: false });
    expect(await json('gateway', 'show', gateway)).toMatchObject({ revoked: true });
  });

  it.each<[string, number, RegExp, () => readonly string[]]>([
    ['an entity that is none', 1, /NOT_FOUND/, () => ['entity', 'show', nobody(), ...server]],
    ['a group that is none', 1, /NOT_FOUND/, () => ['group', 'show', 'nobody', ...smf]],
    ['the key of a group that is none', 1, /NOT_FOUND/, () => ['group', 'versions', 'nobody', ...server]],
    ['an end of nobody', 1, /NOT_FOUND/, () => ['entity', 'revoke', nobody(), '--yes', ...server]],
    ['a rotation of a group that is none', 1, /NOT_FOUND/, () => ['group', 'rotate', 'nobody', '--yes', ...server]],
    [
      'a gateway that is none',
      1,
      /PN_MISMATCH|NAME_INVALID|GATEWAY/,
      () => [...admission(nobody(), 'secret', unknown(), unknown()), ...server],
    ],
    ['a Server that is away', 69, /does not answer/, () => ['entity', 'list', ...server, '--server', '127.0.0.1:9']],
    ['an SMF that is away', 69, /does not answer/, () => ['group', 'list', ...smf, '--smf', '127.0.0.1:9']],
    ['a name that is none', 64, /is invalid/, () => ['entity', 'show', 'cpns://pn1.td:x@pn2.td/pne/p', ...server]],
    [
      'a CSR that is none',
      64,
      /CSR_NOT_DER/,
      () => ['entity', 'assign', '--csr', __filename, '--one-time-string-file', __filename],
    ],
  ])('says of %s in one line what is wrong, and in its exit code whose fault it is', async (_, code, message, args) => {
    const outcome = await cpnsctl(...args());
    expect(outcome).toMatchObject({ code, out: '' });
    expect(outcome.err).toMatch(message);
    expect(outcome.err.trim().split('\n')).toHaveLength(1);
  });
});
