import { FLOWS, FLOW_IDS } from '@cpns/telemetry';
import { partiesOf } from './parties';
import { DEVICES, dueRuns, GATEWAYS, isProvisioning } from './plan';

describe('the plan', () => {
  it('has two PNs with a gateway, at least two PNEs and a target PN GW each', () => {
    expect(new Set(GATEWAYS.map(({ pn }) => pn)).size).toBe(2);
    for (const { pn } of GATEWAYS) {
      const of = (type: string) => DEVICES.filter((device) => device.pn === pn && device.type === type).length;
      expect(of('pne')).toBeGreaterThanOrEqual(2);
      expect(of('pn-gw')).toBeGreaterThanOrEqual(1);
    }
  });

  it('gives no id twice, so that a file can be named by it', () => {
    const ids = [...GATEWAYS, ...DEVICES].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(['PNE', 'target PN GW'] as const)('runs every step of every flow for a %s', (kind) => {
    const due = dueRuns();
    for (const flow of FLOW_IDS)
      for (const { step } of FLOWS[flow]) {
        const wanted = isProvisioning(flow, step) ? 'PN GW' : kind;
        const runs = due.filter((run) => run.flow === flow && run.kind === wanted && run.steps.includes(step));
        expect({ flow, step, runs: runs.length > 0 }).toEqual({ flow, step, runs: true });
      }
  });

  it('verifies a secret and a certificate of a gateway for both kinds, and imports a key', () => {
    const verified = dueRuns().filter(({ flow }) => flow === 'EUK-GW-VERIFY');
    const forms = verified.map(({ kind, id }) => {
      const { assignment } = DEVICES.find((device) => device.id === id) ?? {};
      return `${kind} ${assignment?.by} ${assignment?.form}`;
    });
    for (const kind of ['PNE', 'target PN GW'])
      for (const form of ['secret', 'key-pair']) expect(forms).toContain(`${kind} gateway ${form}`);
    expect(DEVICES.some(({ assignment }) => assignment.by === 'import')).toBe(true);
  });

  it('lets the steps of the intermediate PN GW’s provisioning be due once per gateway and form', () => {
    const provisioning = dueRuns().filter(({ kind }) => kind === 'PN GW');
    expect(provisioning.map(({ flow, id, steps }) => `${flow} ${id} ${steps.join('')}`).sort()).toEqual([
      'EUK-GW-P gw1 123',
      'EUK-GW-P gw2 123',
      'EUK-GW-S gw1 123',
      'EUK-GW-S gw2 123',
    ]);
  });

  it('knows the parties of every step', () => {
    for (const flow of FLOW_IDS)
      for (const { step, kind } of FLOWS[flow]) {
        const [from, to] = partiesOf(flow, step);
        expect({ flow, step, internal: from === to }).toEqual({ flow, step, internal: kind === 'internal' });
      }
    expect(() => partiesOf('EUK-SRV-S', 6)).toThrow(RangeError);
  });
});
