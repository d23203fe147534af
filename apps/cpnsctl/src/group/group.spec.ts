import { GroupKeyDeliveryMode } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { run } from '../program';
import { RecordingIo } from '../testing/recording-io';
import { descriptionOf, updateMaskOf } from './parameters';

const entity = 'cpns://pn1.td.example/pne/p';

describe('descriptionOf', () => {
  it.each([
    ['pull', GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL],
    ['push', GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH],
  ] as const)('is what a group with delivery %s depends on', (delivery, wire) => {
    const given = {
      delivery,
      sealPeriod: duration(1, 'hour'),
      updatePeriod: duration(1, 'day'),
      activationDelay: duration(5, 'second'),
      joinWindow: duration(2, 'second'),
      preparedVersions: 3,
      name: 'Family',
      openToJoin: true,
      joinKeepsVersion: true,
      maxMembers: 5,
    };
    expect(descriptionOf('family', given)).toEqual({
      groupId: 'family',
      displayName: 'Family',
      delivery: wire,
      sealPeriod: 3_600_000n,
      updatePeriod: 86_400_000n,
      activationDelay: 5_000n,
      joinWindow: 2_000n,
      preparedVersions: 3,
      maxMembers: 5,
      openToJoin: true,
      joinKeepsVersion: true,
    });
  });

  it('leaves to the services what is not given', () => {
    expect(descriptionOf('family', { delivery: 'pull' })).toMatchObject({
      displayName: '',
      sealPeriod: 604_800_000n,
      updatePeriod: 0n,
      activationDelay: 0n,
      joinWindow: 0n,
      preparedVersions: 0,
      maxMembers: 0,
      openToJoin: false,
      joinKeepsVersion: false,
    });
  });
});

describe('updateMaskOf', () => {
  it('names what is given, also where it is nothing, as the proto spells it', () => {
    expect(updateMaskOf({})).toEqual([]);
    expect(updateMaskOf({ updatePeriod: 0, openToJoin: false, name: '' })).toEqual([
      'display_name',
      'update_period',
      'open_to_join',
    ]);
  });
});

describe('the command line of group', () => {
  it.each([
    ['create without an id', ['create', '--delivery', 'pull'], /group-id/],
    ['create with an id that is none', ['create', '../x', '--delivery', 'pull'], /group-id/],
    ['create without a delivery', ['create', 'family'], /--delivery/],
    ['create with a delivery that is none', ['create', 'family', '--delivery', 'post'], /choices are pull, push/],
    ['create with a member that is none', ['create', 'family', '--delivery', 'pull', '--member', 'phone'], /phone|E /],
    ['create with no time to seal', ['create', 'family', '--delivery', 'pull', '--seal-period', '0s'], /90s, 15m/],
    ['create with room for nobody', ['create', 'family', '--delivery', 'pull', '--max-members', '0'], /whole number/],
    [
      'create with a count in words',
      ['create', 'family', '--delivery', 'pull', '--max-members', 'ten'],
      /whole number/,
    ],
    [
      'create with versions ahead that are none',
      ['create', 'f', '--delivery', 'pull', '--prepared-versions', '0'],
      /whole/,
    ],
    ['create with an update period of 0', ['create', 'f', '--delivery', 'pull', '--update-period', '0s'], /90s, 15m/],
    ['update of nothing', ['update', 'family'], /give what to change/],
    ['update of the delivery', ['update', 'family', '--delivery', 'push'], /unknown option/],
    ['update on a revision that is none', ['update', 'family', '--name', 'x', '--expected-revision', '0'], /whole/],
    ['rotate without an id', ['rotate'], /group-id/],
    ['rotate without a terminal', ['rotate', 'family'], /give --yes/],
    ['add without an entity', ['add', 'family'], /entity/],
    ['add with one that is none', ['add', 'family', entity, 'cpns://pn1.td:x@pn2.td/pne/p'], /is invalid/],
    ['remove without an entity', ['remove', 'family'], /entity/],
    ['delete without an id', ['delete'], /group-id/],
    ['show of two', ['show', 'family', 'friends'], /too many arguments/],
    ['versions without an id', ['versions'], /group-id/],
    ['an SMF at no address', ['list', '--smf', 'localhost'], /--smf/],
    ['a format that is none', ['list', '--output', 'xml'], /choices are table, json/],
    ['nobody who is calling', ['list'], /give --pki/],
    ['nobody who is calling the Server', ['versions', 'family'], /give --pki/],
    ['nobody who is calling to rotate', ['rotate', 'family', '--yes'], /give --pki/],
    ['nobody who is calling to update', ['update', 'family', '--name', 'x'], /give --pki/],
    ['a command that is none', ['purge', 'family'], /unknown command/],
  ])('with %s is refused in one line, before any work', async (_, options, message) => {
    const io = new RecordingIo();
    expect(await run(['group', ...options], io)).toBe(64);
    expect(io.written.out).toBe('');
    expect(io.written.err).toMatch(message);
    expect(io.written.err.trim().split('\n')).toHaveLength(1);
  });

  const AT_SERVER = ['versions', 'rotate'];
  const AT_SMF = ['create', 'list', 'show', 'update', 'add', 'remove', 'delete'];

  it.each([...AT_SMF, ...AT_SERVER])('explains %s', async (command) => {
    const io = new RecordingIo();
    expect(await run(['group', command, '--help'], io)).toBe(0);
    expect(io.written.out).toContain(`cpnsctl group ${command}`);
    expect(io.written.out).toContain(AT_SERVER.includes(command) ? '127.0.0.1:7400' : '127.0.0.1:7420');
  });
});
