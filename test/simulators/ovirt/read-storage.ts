import { collection, one } from './answers.ts';
import { leaf, list, type ObjectElement, object } from './document.ts';
import { notFoundEmpty } from './errors.ts';
import { requireVmOf } from './power.ts';
import { type EngineAnswer, type EngineRequest, parameter } from './requests.ts';
import { type Searchable, searched } from './search.ts';
import type { Disk, World } from './state.ts';
import { diskElement } from './virtual-machines.ts';

const diskFields: Searchable<Disk> = {
  id: (disk) => disk.id,
  alias: (disk) => disk.alias,
  name: (disk) => disk.alias,
  status: (disk) => disk.status,
};

/** `GET /disks` */
export function listDisks(world: World, request: EngineRequest): EngineAnswer {
  const found = searched(request, [...world.disks.values()], diskFields);
  return collection(
    request,
    'disks',
    found.map((disk) => diskElement(world, request, disk, { at: 'engine' })),
  );
}

/** A disk: of the engine, of a VM (v3), or of a storage domain. */
export function getDisk(world: World, request: EngineRequest): EngineAnswer {
  const disk = world.disks.get(parameter(request, 'disk'));
  if (disk === undefined) throw notFoundEmpty();
  const { vm: vmId, domain } = request.parameters;
  if (vmId !== undefined) {
    const vm = requireVmOf(world, request);
    const attachment = vm.attachments.find(({ diskId }) => diskId === disk.id);
    if (attachment === undefined) throw notFoundEmpty();
    return one(diskElement(world, request, disk, { at: 'vm', vm, attachment }));
  }
  return one(
    diskElement(
      world,
      request,
      disk,
      domain === undefined ? { at: 'engine' } : { at: 'storage-domain', storageDomainId: domain },
    ),
  );
}

/** `GET /storagedomains` */
export function listStorageDomains(world: World, request: EngineRequest): EngineAnswer {
  const found = searched(request, [...world.storageDomains.values()], { name: ({ name }) => name });
  return collection(
    request,
    'storage_domains',
    found.map(({ id }) => storageDomainElement(world, request, id)),
  );
}

/** `GET /storagedomains/{domain}` */
export function getStorageDomain(world: World, request: EngineRequest): EngineAnswer {
  return one(storageDomainElement(world, request, parameter(request, 'domain')));
}

function storageDomainElement(world: World, request: EngineRequest, id: string): ObjectElement {
  const domain = world.storageDomains.get(id);
  if (domain === undefined) throw notFoundEmpty();
  return object('storage_domain', { href: `${request.base}/storagedomains/${id}`, id }, [
    leaf('name', domain.name),
    leaf('available', domain.availableBytes),
    leaf('used', domain.usedBytes),
    leaf('master', false),
    object('storage', {}, [leaf('type', domain.storageType)]),
    leaf('type', 'data'),
  ]);
}

/** `GET /storagedomains/{domain}/disks` */
export function listDisksOfDomain(world: World, request: EngineRequest): EngineAnswer {
  const storageDomainId = parameter(request, 'domain');
  const items = [...world.disks.values()]
    .filter((disk) => disk.storageDomainId === storageDomainId)
    .map((disk) => diskElement(world, request, disk, { at: 'storage-domain', storageDomainId }));
  return collection(request, 'disks', items);
}

/** One entry for each image of a disk that belongs to a snapshot (oVirt sheet, section 13). */
export function listDiskSnapshots(world: World, request: EngineRequest): EngineAnswer {
  const { domain, disk: diskId } = request.parameters;
  const parent = domain === undefined ? `disks/${diskId}` : `storagedomains/${domain}`;
  const images = [...world.vms.values()].flatMap((vm) =>
    vm.snapshots.flatMap((snapshot) => snapshot.disks.map((image) => ({ snapshot, image }))),
  );
  const items = images
    .filter(({ image }) => image.storageDomainId === (domain ?? image.storageDomainId))
    .filter(({ image }) => image.diskId === (diskId ?? image.diskId))
    .map(({ snapshot, image }) => {
      const href = `${request.base}/${parent}/disksnapshots/${image.imageId}`;
      return object('disk_snapshot', { href, id: image.imageId }, [
        leaf('name', image.alias),
        leaf('actual_size', image.actualSize),
        leaf('alias', image.alias),
        leaf('image_id', image.imageId),
        leaf('provisioned_size', image.provisionedSize),
        request.api === 4
          ? leaf('status', image.status)
          : object('status', {}, [leaf('state', image.status)]),
        object('disk', { href: `${request.base}/disks/${image.diskId}`, id: image.diskId }),
        object('snapshot', { id: snapshot.id }),
        list('storage_domains', [object('storage_domain', { id: image.storageDomainId })]),
      ]);
    });
  return collection(request, 'disk_snapshots', items);
}

/** `GET /clusters` */
export function listClusters(world: World, request: EngineRequest): EngineAnswer {
  const found = searched(request, [...world.clusters.values()], { name: ({ name }) => name });
  return collection(
    request,
    'clusters',
    found.map((cluster) => clusterElement(request, cluster)),
  );
}

/** `GET /clusters/{cluster}` */
export function getCluster(world: World, request: EngineRequest): EngineAnswer {
  const cluster = world.clusters.get(parameter(request, 'cluster'));
  if (cluster === undefined) throw notFoundEmpty();
  return one(clusterElement(request, cluster));
}

function clusterElement(request: EngineRequest, { id, name }: { id: string; name: string }): ObjectElement {
  return object('cluster', { href: `${request.base}/clusters/${id}`, id }, [leaf('name', name)]);
}
