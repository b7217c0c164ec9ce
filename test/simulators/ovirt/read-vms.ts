import { collection, followed, inOrder, listOfUnknownVm, one, visible } from './answers.ts';
import { type Element, list, type ObjectElement } from './document.ts';
import { atLeast } from './engine-version.ts';
import { notFoundEmpty } from './errors.ts';
import { requireVmOf } from './power.ts';
import { type EngineAnswer, type EngineRequest, parameter } from './requests.ts';
import { type Searchable, searched } from './search.ts';
import { snapshotElement } from './snapshot-answer.ts';
import type { Vm, World } from './state.ts';
import { attachmentElement, diskElement, vmElement } from './virtual-machines.ts';

function vmFields(world: World): Searchable<Vm> {
  return {
    name: (vm) => vm.name,
    description: (vm) => vm.description,
    status: (vm) => vm.status,
    cluster: (vm) => world.clusters.get(vm.clusterId)?.name ?? '',
    storage: (vm) =>
      world
        .disksOf(vm)
        .map(({ disk }) => world.storageDomains.get(disk.storageDomainId)?.name ?? '')
        .join(','),
  };
}

/** `GET /vms` */
export function listVms(world: World, request: EngineRequest): EngineAnswer {
  const seen = [...world.vms.values()].filter(({ id }) => visible(request, id));
  const found = searched(request, seen, vmFields(world));
  return collection(
    request,
    'vms',
    found.map((vm) => expandedVm(world, request, vm)),
  );
}

/** `GET /vms/{vm}` */
export function getVm(world: World, request: EngineRequest): EngineAnswer {
  const vm = requireVmOf(world, request);
  if (!visible(request, vm.id)) throw notFoundEmpty();
  return one(expandedVm(world, request, vm));
}

function expandedVm(world: World, request: EngineRequest, vm: Vm): ObjectElement {
  const paths = followed(request, ['snapshots', 'disk_attachments', 'disk_attachments.disk']);
  const expand: Element[] = [];
  if (paths.includes('snapshots')) {
    // From 4.5 on the configurations are left out (oVirt sheet, section 4).
    const withoutConfiguration = atLeast(request.version, '4.5');
    expand.push(
      list(
        'snapshots',
        inOrder(request, vm).map((snapshot) =>
          snapshotElement(world, request, snapshot, { withoutConfiguration }),
        ),
      ),
    );
  }
  if (paths.some((path) => path.startsWith('disk_attachments'))) {
    expand.push(list('disk_attachments', attachmentsOf(world, request, vm, paths)));
  }
  return vmElement(request, vm, expand);
}

function attachmentsOf(
  world: World,
  request: EngineRequest,
  vm: Vm,
  paths: readonly string[],
): ObjectElement[] {
  const withDisk = paths.includes('disk') || paths.includes('disk_attachments.disk');
  return world
    .disksOf(vm)
    .map(({ disk, attachment }) =>
      attachmentElement(
        request,
        vm,
        attachment,
        withDisk ? diskElement(world, request, disk, { at: 'engine' }) : undefined,
      ),
    );
}

/** `GET /vms/{vm}/diskattachments`, v4 */
export function listAttachments(world: World, request: EngineRequest): EngineAnswer {
  const vm = world.vms.get(parameter(request, 'vm'));
  if (vm === undefined) return listOfUnknownVm(world, request, 'disk_attachments');
  return collection(
    request,
    'disk_attachments',
    attachmentsOf(world, request, vm, followed(request, ['disk'])),
  );
}

/** `GET /vms/{vm}/diskattachments/{disk}`, v4 */
export function getAttachment(world: World, request: EngineRequest): EngineAnswer {
  const vm = requireVmOf(world, request);
  const attachment = vm.attachments.find(({ diskId }) => diskId === parameter(request, 'disk'));
  if (attachment === undefined) throw notFoundEmpty();
  return one(attachmentElement(request, vm, attachment));
}

/** The disks of a VM in v3. */
export function listVmDisks(world: World, request: EngineRequest): EngineAnswer {
  const vm = world.vms.get(parameter(request, 'vm'));
  if (vm === undefined) return listOfUnknownVm(world, request, 'disks');
  const items = world
    .disksOf(vm)
    .map(({ disk, attachment }) => diskElement(world, request, disk, { at: 'vm', vm, attachment }));
  return collection(request, 'disks', items);
}
