import { UsageError } from '../exit-codes';
import { run } from '../program';
import { RecordingIo } from '../testing/recording-io';
import { peerOf } from './admit';

const server = 'cpns://td.example/service/cpns-server';
const entity = 'cpns://pn1.td.example/pne/p';
const gateway = 'cpns://pn1.td.example/pn-gw/g';
const flags = {
  entity,
  user: '',
  role: 'target-entity' as const,
  form: 'secret' as const,
  assigner: '',
  address: '127.0.0.1:1',
  ttl: 1,
  wait: true,
  output: 'table' as const,
  server: '127.0.0.1:1',
};

describe('peerOf', () => {
  it.each([
    ['a gateway that is called', { via: gateway }, gateway],
    ['the gateway that assigns', { assigner: gateway }, gateway],
    ['the gateway that is both', { assigner: gateway, via: gateway }, gateway],
    ['the Server, for a PN GW that enrols', { role: 'pn-gw' as const, entity: gateway }, server],
  ])('is %s', (_, given, peer) => {
    expect(peerOf({ ...flags, ...given }, server)).toBe(peer);
  });

  it.each([
    ['nobody', {}, '--via is needed'],
    ['two gateways', { assigner: gateway, via: 'cpns://pn1.td.example/pn-gw/other' }, 'two gateways'],
    ['a PNE', { via: 'cpns://pn1.td.example/pne/q' }, 'does not name a PN GW'],
    ['a gateway of another PN', { via: 'cpns://pn2.td.example/pn-gw/g' }, 'another Personal Network'],
    ['a gateway for a gateway', { role: 'pn-gw' as const, via: gateway }, 'leave out --via'],
    ['an assigner for a gateway', { role: 'pn-gw' as const, assigner: gateway }, 'leave out --via'],
  ])('refuses %s', (_, given, message) => {
    const call = () => peerOf({ ...flags, ...given }, server);
    expect(call).toThrow(UsageError);
    expect(call).toThrow(message);
  });
});

describe('the command line of entity admit', () => {
  it.each([
    ['no entity', [], /--entity/],
    ['no form', ['--entity', entity, '--address', '127.0.0.1:1'], /--form/],
    ['a form that is none', ['--entity', entity, '--form', 'password'], /Allowed choices are secret, key-pair/],
    ['a role that is none', ['--entity', entity, '--role', 'operator'], /Allowed choices/],
    ['a lifetime of nothing', ['--entity', entity, '--ttl', '0s'], /90s, 15m/],
  ])('with %s is refused in one line, before any work', async (_, options, message) => {
    const io = new RecordingIo();
    expect(await run(['entity', 'admit', ...options], io)).toBe(64);
    expect(io.written.out).toBe('');
    expect(io.written.err).toMatch(message);
    expect(io.written.err.trim().split('\n')).toHaveLength(1);
  });
});
