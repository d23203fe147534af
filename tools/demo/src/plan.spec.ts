import { GATEWAYS, makePlan } from './plan';

describe('the plan', () => {
  const plan = makePlan();

  it('has two PNs with a gateway, at least two PNEs and a target PN GW each', () => {
    expect(new Set(GATEWAYS.map(({ pn }) => pn)).size).toBe(2);
    for (const { pn } of GATEWAYS) {
      const of = (type: string) => plan.devices.filter((device) => device.pn === pn && device.type === type).length;
      expect(of('pne')).toBeGreaterThanOrEqual(2);
      expect(of('pn-gw')).toBeGreaterThanOrEqual(1);
    }
  });

  it('gives no id twice, so that a file can be named by it', () => {
    const ids = [...GATEWAYS, ...plan.devices, ...plan.groups].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('gives other ids with another suffix, of devices and of groups', () => {
    const idsOf = ({ devices, groups }: typeof plan) => [...devices, ...groups].map(({ id }) => id);
    const other = idsOf(makePlan('-x'));
    expect(other).toEqual(idsOf(plan).map((id) => `${id}-x`));
  });

  it('has a group of each kind of delivery, over both PNs, with a leaver and a joiner from outside', () => {
    expect(plan.groups.map(({ delivery }) => delivery).sort()).toEqual(['pull', 'push']);
    for (const { members, leaver, joiner } of plan.groups) {
      // both PNs have members also without the leaver
      expect(new Set(members.filter((member) => member !== leaver).map(({ pn }) => pn)).size).toBe(2);
      expect(members).toContain(leaver);
      expect(members[0]).not.toBe(leaver);
      expect(members).not.toContain(joiner);
    }
  });

  it('puts out a member of one group alone, which neither seals nor leaves', () => {
    for (const { members, leaver, putOut } of plan.groups) {
      expect(members.slice(1)).toContain(putOut);
      expect(putOut).not.toBe(leaver);
      const groups = plan.groups.filter((group) => [...group.members, group.joiner].includes(putOut));
      expect(groups).toHaveLength(1);
    }
  });

  it.each(['pull', 'push'])('has members of each kind of key in the group that has delivery %s', (delivery) => {
    const found = plan.groups.find((group) => group.delivery === delivery);
    const kinds = new Set(
      [...(found?.members ?? []), ...(found === undefined ? [] : [found.joiner])].map(({ assignment }) =>
        assignment.form === 'key-pair' ? 'certificate' : `secret by ${assignment.by}`,
      ),
    );
    for (const kind of ['certificate', 'secret by server', 'secret by gateway']) expect(kinds).toContain(kind);
  });
});
