import { type Aggregate, type Commit as StoreCommit, type CommitResult, type Store, EmbeddedStore } from '@cpns/store';
import { temporaryStore, type TemporaryStore } from '@cpns/store/testing';
import { withinStep } from '@cpns/telemetry';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultControl } from './control';
import { FaultInjector } from './injector';
import type { CommitSite, Kill } from './plan';

const AGGREGATE: Aggregate = { kind: 'entity', id: 'e' };
const SITE: CommitSite = { service: 'cpns-server', flow: 'EUK-SRV-S', step: 3, kind: 'entity', occurrence: 1 };
const STEP = { flow: 'EUK-SRV-S', step: 3 } as const;

class Death extends Error {}

/** A store's class whose commits say what they did, so that wrapping one leaves the others alone. */
const makeStore = () => {
  class FakeStore {
    made = 0;
    results: CommitResult[] = [];
    readonly asked: unknown[] = [];
    commit(aggregate: Aggregate, commit: StoreCommit): Promise<CommitResult> {
      this.asked.push({ aggregate, commit });
      this.made++;
      return Promise.resolve(this.results.shift() ?? { ok: true, revisions: new Map(), sequences: [], entryIds: [] });
    }
  }
  return FakeStore;
};

let directory: string;
let control: FaultControl;
const kills = () =>
  readdirSync(directory)
    .filter((name) => name.startsWith('kill-'))
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Kill);
const commitIn = (store: Pick<Store, 'commit'>, aggregate = AGGREGATE) =>
  withinStep(STEP, () => store.commit(aggregate, {}));

function start(pid = 4711) {
  const FakeStore = makeStore();
  const die = (): never => {
    throw new Death('dead');
  };
  new FaultInjector({ directory, service: 'cpns-server', pid, die }).wrap(FakeStore.prototype);
  return new FakeStore();
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'faults-'));
  control = new FaultControl(directory);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('a planned fault', () => {
  it('before the commit leaves the store as it was', async () => {
    const store = start();
    const plan = control.arm(SITE, 'before-commit');
    await expect(commitIn(store)).rejects.toThrow(Death);
    expect(store.made).toBe(0);
    expect(kills()).toEqual([{ ...plan, pid: 4711 }]);
  });

  it('after the commit comes when that is made, and nobody has the result', async () => {
    const store = start();
    const plan = control.arm(SITE, 'after-commit');
    await expect(commitIn(store)).rejects.toThrow(Death);
    expect(store.made).toBe(1);
    expect(kills()).toEqual([{ ...plan, pid: 4711 }]);
  });

  it('passes signs of life by, which no flow makes', async () => {
    const gateway: Aggregate = { kind: 'gateway', id: 'g' };
    const claim = { name: 'claim.delivery', value: Buffer.alloc(1) };
    const store = start();
    control.arm({ ...SITE, flow: '', step: 0, kind: 'gateway' }, 'before-commit');
    await store.commit(gateway, { put: [claim] });
    await store.commit(gateway, { delete: ['claim.delivery'] });
    const acknowledged = { put: [claim], trim: [{ log: 'delivery', upTo: 1n }] };
    await expect(async () => store.commit(gateway, acknowledged)).rejects.toThrow(Death);
    expect(store.made).toBe(2);
  });

  it('happens once: the process that is started again lives', async () => {
    control.arm(SITE, 'before-commit');
    await expect(commitIn(start())).rejects.toThrow(Death);
    const again = start(4712);
    await commitIn(again);
    expect(again.made).toBe(1);
    expect(kills()).toHaveLength(1);
  });

  it('waits for the occurrence that is meant, and counts anew for the next plan', async () => {
    const store = start();
    for (const expected of [2, 3]) {
      control.arm({ ...SITE, occurrence: expected }, 'before-commit');
      for (let before = 1; before < expected; before++) await commitIn(store);
      await expect(commitIn(store)).rejects.toThrow(Death);
    }
    expect(kills()).toHaveLength(2);
  });

  it('does not count a commit that was a conflict', async () => {
    const store = start();
    store.results.push({ ok: false, conflict: 'x' });
    control.arm(SITE, 'after-commit');
    await expect(commitIn(store)).resolves.toEqual({ ok: false, conflict: 'x' });
    await expect(commitIn(store)).rejects.toThrow(Death);
  });

  it.each([
    ['another service', { service: 'pn-gw' }],
    ['another flow', { flow: 'EUK-SRV-P' as const }],
    ['another step', { step: 5 }],
    ['no step', { flow: '' as const, step: 0 }],
    ['another kind of aggregate', { kind: 'gateway' }],
  ])('of %s leaves this one alone', async (_what, change) => {
    const store = start();
    control.arm({ ...SITE, ...change }, 'before-commit');
    await commitIn(store);
    expect(store.made).toBe(1);
  });

  it('is over when it is disarmed', async () => {
    const store = start();
    control.arm(SITE, 'before-commit');
    control.disarm();
    await commitIn(store);
    expect(kills()).toEqual([]);
  });
});

describe('a commit outside any step', () => {
  it('is met by its kind', async () => {
    const store = start();
    control.arm({ ...SITE, flow: '', step: 0 }, 'before-commit');
    await commitIn(store);
    await expect(store.commit(AGGREGATE, {})).rejects.toThrow(Death);
  });
});

describe('waiting for a death', () => {
  it('ends when the one that should die has finished', async () => {
    const plan = control.arm(SITE, 'before-commit');
    await expect(control.killed(plan, 5_000, AbortSignal.abort())).rejects.toThrow('did not come to the commit');
  });

  it('ends after its time', async () => {
    await expect(control.killed(control.arm(SITE, 'before-commit'), 30)).rejects.toThrow(
      'the death of cpns-server did not come within 30 ms',
    );
  });

  it('does not believe a process that lives', async () => {
    const plan = control.arm(SITE, 'before-commit');
    await expect(commitIn(start(process.pid))).rejects.toThrow(Death);
    await expect(control.killed(plan, 50)).rejects.toThrow('the end of cpns-server');
  });
});

it('waits until nothing is committed any more', async () => {
  const store = start();
  const until = Date.now() + 700;
  const busy = (async () => {
    for (; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 50))) await commitIn(store);
  })();
  await control.quiet(5_000);
  expect(Date.now()).toBeGreaterThan(until);
  await busy;
});

describe('recording, on the embedded store', () => {
  let store: TemporaryStore;
  beforeEach(async () => (store = await temporaryStore()));
  afterEach(() => store.dispose());

  it('lists what was committed while it lasted', async () => {
    const original = Object.getOwnPropertyDescriptor(EmbeddedStore.prototype, 'commit')!;
    const die = () => {
      throw new Death('nobody should die here');
    };
    try {
      new FaultInjector({ directory, service: 'cpns-server', pid: 1, die }).wrap(EmbeddedStore.prototype);
      await store.store.commit({ kind: 'before', id: 'x' }, {});
      control.startRecording();
      await commitIn(store.store);
      const put = {
        expect: [{ name: 'r', revision: 'absent' as const }],
        put: [{ name: 'r', value: Buffer.from('v') }],
      };
      expect(await store.store.commit({ kind: 'other', id: 'x' }, put)).toMatchObject({ ok: true });
      expect(await store.store.commit({ kind: 'other', id: 'x' }, put)).toMatchObject({ ok: false });
      await commitIn(store.store);
      expect(control.stopRecording()).toEqual([
        SITE,
        { service: 'cpns-server', flow: '', step: 0, kind: 'other', occurrence: 1 },
        { ...SITE, occurrence: 2 },
      ]);
      await commitIn(store.store);
    } finally {
      Object.defineProperty(EmbeddedStore.prototype, 'commit', original);
    }
  });
});
