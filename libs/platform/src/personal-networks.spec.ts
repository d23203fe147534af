import { parseEntityUri } from '@cpns/core';
import { reasonOfAsync } from '@cpns/core/testing';
import { recordsOn, temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { PersonalNetworks, pnAggregate } from './personal-networks';

const [ONE, TWO] = ['cpns://pn1.td.example/pn-gw/gw1', 'cpns://pn1.td.example/pn-gw/gw2'];
const FOREIGN = 'cpns://pn2.td.example/pn-gw/gw1';
const PN = pnAggregate('pn1');

describe('the gateways of a Personal Network', () => {
  let temporary: TemporaryStore;
  let networks: PersonalNetworks;
  beforeEach(async () => {
    temporary = await temporaryStore();
    networks = new PersonalNetworks(await recordsOn(temporary.store), temporary.store);
  });
  afterEach(() => temporary.dispose());

  const add = (uri: string) => networks.add(parseEntityUri(uri));
  const found = () => networks.gatewaysOf('pn1');
  const putIn = (...members: readonly string[]) =>
    temporary.store.commit(PN, { addTo: members.map((member) => ({ set: 'gateways', member })) });

  it('are those that were added, each once', async () => {
    await Promise.all([ONE, TWO, ONE].map(add));
    await add(TWO);
    expect([...(await found())].sort()).toEqual([ONE, TWO]);
    expect(await networks.gatewaysOf('pn2')).toEqual([]);
  });

  it('are taken over from a set without those of other networks, and not again', async () => {
    await putIn(ONE, FOREIGN);
    expect(await found()).toEqual([ONE]);
    await add(TWO);
    await putIn('cpns://pn1.td.example/pn-gw/gw3');
    expect(await found()).toEqual([ONE, TWO]);
  });

  it('are not those that another wrote; one whose record was taken out is added when it comes', async () => {
    await add(ONE);
    const { revision } = (await temporary.store.read(PN, ['gateways'])).get('gateways')!;
    await temporary.store.commit(PN, {
      expect: [{ name: 'gateways', revision }],
      put: [{ name: 'gateways', value: Buffer.from('[]') }],
    });
    expect(await reasonOfAsync(found())).toBe('STORED_RECORD_INVALID');
    await temporary.store.commit(PN, { expect: [{ name: 'gateways', revision: revision + 1n }], delete: ['gateways'] });
    await add(ONE);
    expect(await found()).toEqual([ONE]);
  });
});
