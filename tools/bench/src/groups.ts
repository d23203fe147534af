import type { Comparison } from './compare';
import { benchDevicePulls } from './device-pulls';
import { benchFanOut } from './fan-out';
import { withGroupScene, type SceneOptions } from './group-scene';
import { benchPulls } from './pulls';

/** Everything about Group Keys that is measured on running services, on one store. */
export function benchGroups(options: SceneOptions): Promise<Comparison[]> {
  const { storeName, onProgress } = options;
  return withGroupScene(options, async (scene) => {
    onProgress(`${storeName}: pulls`);
    const pulls = await benchPulls(scene);
    onProgress(`${storeName}: pulls of a device`);
    const device = await benchDevicePulls(scene);
    onProgress(`${storeName}: push to all gateways`);
    return [...pulls, device, await benchFanOut(scene)];
  });
}
