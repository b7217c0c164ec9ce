import { actions, type Children, leaf, link, list, type ObjectElement, object } from './document.ts';
import type { EngineRequest } from './requests.ts';
import type { Attachment, Disk, Vm, World } from './state.ts';
import { configurationElements } from './vm-configuration.ts';

const vmActions = ['start', 'stop', 'shutdown', 'clone'];
const snapshotActions = {
  3: ['preview_snapshot', 'commit_snapshot', 'undo_snapshot'],
  4: ['previewsnapshot', 'commitsnapshot', 'undosnapshot', 'freezefilesystems', 'thawfilesystems'],
} as const;

/** A VM as GET and lists show it. */
export function vmElement(request: EngineRequest, vm: Vm, expand: Children = []): ObjectElement {
  const href = `${request.base}/vms/${vm.id}`;
  const expanded = new Set(expand.map((element) => element?.name));
  const rels = [request.api === 4 ? 'diskattachments' : 'disks', 'snapshots', 'nics', 'cdroms'];
  const element = object('vm', { href, id: vm.id }, [
    actions(href, [...vmActions, ...snapshotActions[request.api]]),
    ...configurationElements(request.version, request.api, vm),
    ...rels.filter((rel) => !expanded.has(elementOf(rel))).map((rel) => link(rel, `${href}/${rel}`)),
    ...expand,
  ]);
  for (const child of element.children) {
    // Within a VM of its own the cluster can be followed.
    if (child.kind === 'object' && child.name === 'cluster') {
      child.attributes = { href: `${request.base}/clusters/${vm.clusterId}`, id: vm.clusterId };
    }
  }
  return element;
}

function elementOf(rel: string): string {
  return rel === 'diskattachments' ? 'disk_attachments' : rel;
}

/** How a disk hangs on a VM: v4 only. */
export function attachmentElement(
  request: EngineRequest,
  vm: Vm,
  attachment: Attachment,
  disk?: ObjectElement,
): ObjectElement {
  const { base } = request;
  const { diskId } = attachment;
  return object('disk_attachment', { href: `${base}/vms/${vm.id}/diskattachments/${diskId}`, id: diskId }, [
    leaf('active', attachment.active),
    leaf('bootable', attachment.bootable),
    leaf('interface', 'virtio'),
    leaf('pass_discard', false),
    leaf('read_only', attachment.readOnly),
    leaf('uses_scsi_reservation', false),
    disk ?? object('disk', { href: `${base}/disks/${diskId}`, id: diskId }),
    object('vm', { href: `${base}/vms/${vm.id}`, id: vm.id }),
  ]);
}

/** Where a disk is shown, which decides what v3 says about it. */
export type DiskPlace =
  | { at: 'engine' }
  | { at: 'vm'; vm: Vm; attachment: Attachment }
  | { at: 'storage-domain'; storageDomainId: string };

/** A disk. */
export function diskElement(
  world: World,
  request: EngineRequest,
  disk: Disk,
  place: DiskPlace,
): ObjectElement {
  const { base, api } = request;
  const parent =
    place.at === 'vm'
      ? `${base}/vms/${place.vm.id}`
      : place.at === 'storage-domain'
        ? `${base}/storagedomains/${place.storageDomainId}`
        : base;
  const href = `${parent}/disks/${disk.id}`;
  const domains = list('storage_domains', [object('storage_domain', { id: disk.storageDomainId })]);
  const owners = [...world.vms.values()].filter((vm) =>
    vm.attachments.some(({ diskId }) => diskId === disk.id),
  );
  if (api === 4) {
    return object('disk', { href, id: disk.id }, [
      leaf('name', disk.alias),
      leaf('description', disk.description),
      leaf('actual_size', disk.actualSize),
      leaf('alias', disk.alias),
      leaf('backup', 'none'),
      leaf('content_type', 'data'),
      leaf('format', disk.format),
      leaf('image_id', disk.imageId),
      leaf('propagate_errors', false),
      leaf('provisioned_size', disk.provisionedSize),
      leaf('shareable', disk.shareable),
      leaf('sparse', true),
      leaf('status', disk.status),
      leaf('storage_type', disk.storageType),
      leaf('total_size', disk.actualSize),
      leaf('wipe_after_delete', false),
      list(
        'vms',
        owners.map(({ id }) => object('vm', { href: `${base}/vms/${id}`, id })),
      ),
      domains,
    ]);
  }
  const ofVm = place.at === 'vm';
  const bootable = ofVm && place.attachment.bootable;
  return object('disk', { href, id: disk.id }, [
    actions(href, ofVm ? ['deactivate', 'export', 'move', 'activate'] : ['export']),
    leaf('name', disk.alias),
    ofVm ? undefined : leaf('description', disk.description),
    ...(ofVm ? ['permissions', 'statistics'].map((rel) => link(rel, `${href}/${rel}`)) : []),
    ofVm
      ? object('vm', { href: parent, id: place.vm.id })
      : list(
          'vms',
          owners.map(({ id }) => object('vm', { id })),
        ),
    leaf('alias', disk.alias),
    leaf('image_id', disk.imageId),
    place.at === 'storage-domain'
      ? object('storage_domain', { href: parent, id: disk.storageDomainId })
      : undefined,
    domains,
    leaf('size', disk.provisionedSize),
    leaf('provisioned_size', disk.provisionedSize),
    leaf('actual_size', disk.actualSize),
    object('status', {}, [leaf('state', disk.status)]),
    leaf('interface', 'virtio'),
    leaf('format', disk.format),
    leaf('sparse', true),
    leaf('bootable', bootable),
    leaf('shareable', disk.shareable),
    leaf('wipe_after_delete', false),
    leaf('propagate_errors', false),
    ...(ofVm ? [leaf('active', place.attachment.active), leaf('read_only', place.attachment.readOnly)] : []),
    object('disk_profile', {
      href: `${base}/diskprofiles/${disk.storageDomainId}`,
      id: disk.storageDomainId,
    }),
    leaf('storage_type', disk.storageType),
  ]);
}
