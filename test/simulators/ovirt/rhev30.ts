import { actions, leaf, link, type ObjectElement, object } from './document.ts';
import type { EngineRequest } from './requests.ts';
import type { Vm, World } from './state.ts';

/** What of the API the simulator has for RHEV 3.0: enough to find out that it is one. */
export const operationsOf30: readonly string[] = ['Api_Get', 'Vms_List', 'Vms_Get', 'Snapshots_List'];

/** The snapshots of RHEV 3.0: one entry for each image of a disk, without type and status (oVirt sheet, section 9). */
export function imageEntries(world: World, request: EngineRequest, vm: Vm): ObjectElement[] {
  const base = `${request.base}/vms/${vm.id}`;
  return world.disksOf(vm).flatMap(({ disk }) => {
    const images = vm.snapshots.map((snapshot) => ({
      id:
        snapshot.type === 'active'
          ? disk.imageId
          : snapshot.disks.find(({ diskId }) => diskId === disk.id)?.imageId,
      description: snapshot.type === 'active' ? `_ActiveImage_${vm.name}` : snapshot.description,
      date: snapshot.date,
    }));
    const known = images.filter((image): image is typeof image & { id: string } => image.id !== undefined);
    return known.map(({ id, description, date }, index) => {
      const previous = known[index - 1];
      const href = `${base}/snapshots/${id}`;
      return object('snapshot', { id, href }, [
        leaf('description', description),
        actions(href, ['restore']),
        previous === undefined ? undefined : link('prev', `${base}/snapshots/${previous.id}`),
        object('vm', { id: vm.id, href: base }),
        object('disk', { id: disk.id, href: `${base}/disks/${disk.id}` }),
        leaf('date', new Date(date)),
      ]);
    });
  });
}
