/** A key of the CPNS Server's that was ended, such as one that was stolen, is refused by the KMC. */
import { KmcServiceService } from '@cpns/contracts';
import { perTest, reasonOfAsync } from '@cpns/core/testing';
import { EndedPeersSource, FollowEndedPeers } from '@cpns/platform';
import { FakeEndedSource, testProcess, TestPort } from '@cpns/platform/testing';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { KmcModule } from '../kmc/kmc.module';
import { KMC, SERVER } from '../kmc/testing/world';

class World {
  readonly source = new FakeEndedSource();
  temporary!: TemporaryStore;

  async open(): Promise<void> {
    this.temporary = await temporaryStore();
    const providers = [{ provide: EndedPeersSource, useValue: this.source }, FollowEndedPeers];
    const { store } = this.temporary;
    await port.serve(await testProcess({ name: 'kmc', uri: KMC, store, modules: [KmcModule], providers }));
  }

  close = () => this.temporary.dispose();
}
const port = new TestPort(KMC);
const world = perTest(new World());

it('is refused on its connection and on a new one', async () => {
  const as = () => port.as(SERVER).client(KmcServiceService);
  const rpc = as();
  const get = (client = rpc) => reasonOfAsync(() => client.getKeyVersion({ groupId: 'g', version: 1n }));
  expect(await get()).toBe('NOT_FOUND');
  const value = port.digestOf(SERVER).toString('hex');
  world.source.tell({ by: 'certificate', value, endedAt: 0, until: Date.now() + 60_000 });
  // within a second: `e2e:rights` measures it
  while ((await get()) === 'NOT_FOUND');
  for (const client of [rpc, as()]) expect(await get(client)).toBe('CERTIFICATE_REVOKED');
});
