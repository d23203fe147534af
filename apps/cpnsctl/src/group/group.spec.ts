import { GroupKeyDeliveryMode } from '@cpns/contracts';
import { duration } from '@cpns/core';
import { run } from '../program';
import { RecordingIo } from '../testing/recording-io';
import { descriptionOf } from './group';

const entity = 'cpns://pn1.td.example/pne/p';

describe('descriptionOf', () => {
  const flags = { smf: '127.0.0.1:1', name: '', openToJoin: false, maxMembers: 0, output: 'table' as const };

  it.each([
    ['pull', GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PULL],
    ['push', GroupKeyDeliveryMode.GROUP_KEY_DELIVERY_MODE_PUSH],
  ] as const)('is what a group with delivery %s depends on', (delivery, wire) => {
    const given = {
      ...flags,
      delivery,
      sealPeriod: duration(1, 'hour'),
      name: 'Family',
      openToJoin: true,
      maxMembers: 5,
    };
    expect(descriptionOf('family', given)).toEqual({
      groupId: 'family',
      displayName: 'Family',
      delivery: wire,
      sealPeriod: 3_600_000n,
      updatePeriod: 0n,
      maxMembers: 5,
      openToJoin: true,
    });
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
    ['a command that is none', ['purge', 'family'], /unknown command/],
  ])('with %s is refused in one line, before any work', async (_, options, message) => {
    const io = new RecordingIo();
    expect(await run(['group', ...options], io)).toBe(64);
    expect(io.written.out).toBe('');
    expect(io.written.err).toMatch(message);
    expect(io.written.err.trim().split('\n')).toHaveLength(1);
  });

  it.each(['create', 'list', 'show', 'add', 'remove', 'delete', 'versions'])('explains %s', async (command) => {
    const io = new RecordingIo();
    expect(await run(['group', command, '--help'], io)).toBe(0);
    expect(io.written.out).toContain(`cpnsctl group ${command}`);
    expect(io.written.out).toContain(command === 'versions' ? '127.0.0.1:7400' : '127.0.0.1:7420');
  });
});
