import { actions, type Children, leaf, link, list, type ObjectElement, object } from './document.ts';
import { atLeast } from './engine-version.ts';
import { ovfOf } from './ovf.ts';
import { type EngineRequest, wantsAllContent } from './requests.ts';
import type { Snapshot, SnapshotDisk, Vm, World } from './state.ts';
import { configurationElements } from './vm-configuration.ts';

/** The entry as GET and lists show it: the VM's configuration stands inside, unless the entry has none. */
export function snapshotElement(
  world: World,
  request: EngineRequest,
  snapshot: Snapshot,
  options: { withoutConfiguration?: boolean; expand?: Children } = {},
): ObjectElement {
  const vm = world.vms.get(snapshot.vmId);
  const href = snapshotHref(request, snapshot);
  const configuration = snapshot.configuration;
  const embedded =
    configuration === undefined || options.withoutConfiguration
      ? undefined
      : object(
          'vm',
          { id: snapshot.vmId },
          configurationElements(
            request.version,
            request.api,
            { ...configuration, status: 'down', stopTime: vm?.stopTime },
            href,
          ),
        );
  return assemble(request, snapshot, {
    previous: request.api === 3 && world.behaviour.prevLinks ? previousOf(vm, snapshot) : undefined,
    vm: embedded,
    initialization:
      configuration === undefined || !wantsAllContent(request)
        ? undefined
        : initializationElement(ovfOf(snapshot, configuration)),
    expand: options.expand ?? [],
  });
}

/** The entry as the answer to its creation shows it: the VM is a link, and the configuration is there unasked. */
export function createdElement(request: EngineRequest, snapshot: Snapshot, status: string): ObjectElement {
  const { configuration, creationTasks } = snapshot;
  const href = snapshotHref(request, snapshot);
  const finished = status === 'complete';
  const creation =
    request.version.major === 4 && request.api === 3 ? undefined : creationStatus(request, status);
  return assemble(request, snapshot, {
    vm: object('vm', { href: `${request.base}/vms/${snapshot.vmId}`, id: snapshot.vmId }),
    initialization:
      configuration === undefined ? undefined : initializationElement(ovfOf(snapshot, configuration)),
    expand: finished
      ? []
      : [creation, link('creation_status', `${href}/creation_status/${creationTasks.join(',')}`)],
  });
}

/** Where the entry is to be found. */
export function snapshotHref(request: EngineRequest, snapshot: Snapshot): string {
  return `${request.base}/vms/${snapshot.vmId}/snapshots/${snapshot.id}`;
}

/** `creation_status`, whose state is nested in v3. */
export function creationStatus(
  request: EngineRequest,
  status: string,
): ObjectElement | ReturnType<typeof leaf> {
  return request.api === 4
    ? leaf('creation_status', status)
    : object('creation_status', {}, [leaf('state', status)]);
}

interface Parts {
  previous?: Snapshot | undefined;
  vm: ObjectElement | undefined;
  initialization: ObjectElement | undefined;
  expand: Children;
}

/** Puts the elements in the order that recorded engines have. */
function assemble(request: EngineRequest, snapshot: Snapshot, parts: Parts): ObjectElement {
  const href = snapshotHref(request, snapshot);
  const hasConfiguration = snapshot.configuration !== undefined;
  const ownLinks = hasConfiguration && (request.api === 4 || atLeast(request.version, '3.3'));
  const order = request.api === 4 ? ['nics', 'cdroms', 'disks'] : ['cdroms', 'disks', 'nics'];
  const memory = atLeast(request.version, '3.3')
    ? leaf('persist_memorystate', snapshot.persistMemory)
    : undefined;
  const date = leaf('date', new Date(snapshot.date));
  const status = leaf('snapshot_status', snapshot.status);
  const head: Children = [
    actions(href, ['restore']),
    leaf('description', snapshot.description),
    ...(parts.previous === undefined ? [] : [link('prev', snapshotHref(request, parts.previous))]),
    ...(ownLinks ? order.map((rel) => link(rel, `${href}/${rel}`)) : []),
  ];
  const tail: Children =
    request.api === 4
      ? [date, parts.initialization, memory, status, leaf('snapshot_type', snapshot.type), parts.vm]
      : [leaf('type', snapshot.type), parts.vm, date, status, memory, parts.initialization];
  return object('snapshot', { href, id: snapshot.id }, [...head, ...tail, ...parts.expand]);
}

function initializationElement(ovf: string): ObjectElement {
  return object('initialization', {}, [
    object('configuration', {}, [leaf('data', ovf), leaf('type', 'ovf')]),
  ]);
}

/** The regular snapshot before this one; the active entry has no such link in recordings. */
function previousOf(vm: Vm | undefined, snapshot: Snapshot): Snapshot | undefined {
  if (snapshot.type !== 'regular') return undefined;
  const regular = (vm?.snapshots ?? []).filter(({ type }) => type === 'regular');
  return regular[regular.indexOf(snapshot) - 1];
}

/** A disk as it was at the snapshot: no href (oVirt sheet, section 9). */
export function snapshotDiskElement(
  request: EngineRequest,
  snapshot: Snapshot,
  disk: SnapshotDisk,
): ObjectElement {
  const domains = list('storage_domains', [object('storage_domain', { id: disk.storageDomainId })]);
  const owner = object('snapshot', { id: snapshot.id });
  if (request.api === 4) {
    return object('disk', { id: disk.diskId }, [
      leaf('name', disk.alias),
      leaf('description', ''),
      leaf('actual_size', disk.actualSize),
      leaf('alias', disk.alias),
      leaf('backup', 'none'),
      leaf('content_type', 'data'),
      leaf('format', 'raw'),
      leaf('image_id', disk.imageId),
      leaf('propagate_errors', false),
      leaf('provisioned_size', disk.provisionedSize),
      leaf('shareable', false),
      leaf('sparse', true),
      leaf('status', disk.status),
      leaf('storage_type', 'image'),
      leaf('total_size', 0),
      leaf('wipe_after_delete', false),
      owner,
      domains,
    ]);
  }
  return object('disk', { id: disk.diskId }, [
    leaf('name', disk.alias),
    leaf('alias', disk.alias),
    leaf('image_id', disk.imageId),
    domains,
    leaf('size', disk.provisionedSize),
    leaf('provisioned_size', disk.provisionedSize),
    leaf('actual_size', disk.actualSize),
    object('status', {}, [leaf('state', disk.status)]),
    leaf('interface', 'virtio'),
    leaf('format', 'raw'),
    leaf('sparse', true),
    leaf('bootable', false),
    leaf('shareable', false),
    leaf('wipe_after_delete', false),
    leaf('propagate_errors', false),
    owner,
  ]);
}
