import { getRoot } from './api-root.ts';
import { createVm } from './clone.ts';
import { createSnapshot } from './create-snapshot.ts';
import { type ApiVersion, atLeast, type EngineVersion } from './engine-version.ts';
import { changePower, freezeOrThaw } from './power.ts';
import { endPreview, previewSnapshot, restoreSnapshot } from './preview.ts';
import { getEvent, getJob, listEvents, listJobs, listSteps } from './read-log.ts';
import {
  getCreationStatus,
  getSnapshot,
  listNothing,
  listSnapshotDisks,
  listSnapshots,
} from './read-snapshots.ts';
import {
  getCluster,
  getDisk,
  getStorageDomain,
  listClusters,
  listDiskSnapshots,
  listDisks,
  listDisksOfDomain,
  listStorageDomains,
} from './read-storage.ts';
import { getAttachment, getVm, listAttachments, listVmDisks, listVms } from './read-vms.ts';
import { deleteSnapshot } from './remove-snapshot.ts';
import type { EngineAnswer, EngineRequest } from './requests.ts';
import { operationsOf30 } from './rhev30.ts';
import type { World } from './state.ts';

/** An operation of the API: how it is asked for, and what carries it out. */
export interface Route {
  operation: string;
  method: string;
  /** Below the base; parts in braces are variable, and ids unless the route says otherwise. */
  path: string;
  answer(world: World, request: EngineRequest): EngineAnswer | Promise<EngineAnswer>;
  /** Parameters that the operation knows, beside those that all know. */
  options?: readonly string[];
  /** The one shape that has it; absent: both. */
  api?: ApiVersion;
  /** The release that it came with. */
  since?: string;
  /** A refusal stands inside an action. */
  action?: boolean;
  /** `async` answers 202 at once, and hides refusals. */
  detachable?: boolean;
  /** Variable parts that are no ids. */
  notIds?: readonly string[];
}

const searching = ['search', 'max', 'case_sensitive'] as const;
const detached = ['async'] as const;

const routes: readonly Route[] = [
  get('Api_Get', '', getRoot, ['all_content']),
  get('Vms_List', 'vms', listVms, [...searching, 'follow', 'all_content']),
  get('Vms_Get', 'vms/{vm}', getVm, ['follow', 'all_content']),
  { operation: 'Vms_Create', method: 'POST', path: 'vms', answer: createVm },
  action('Vms_Start', 'vms/{vm}/start', (world, request) => changePower(world, request, 'start')),
  action('Vms_Shutdown', 'vms/{vm}/shutdown', (world, request) => changePower(world, request, 'shutdown')),
  action('Vms_Stop', 'vms/{vm}/stop', (world, request) => changePower(world, request, 'stop')),
  {
    ...action('Vms_Freeze', 'vms/{vm}/freezefilesystems', (world, request) =>
      freezeOrThaw(world, request, 'freeze'),
    ),
    since: '3.6',
  },
  {
    ...action('Vms_Thaw', 'vms/{vm}/thawfilesystems', (world, request) =>
      freezeOrThaw(world, request, 'thaw'),
    ),
    since: '3.6',
  },
  ...previewRoutes(),
  {
    ...get('DiskAttachments_List', 'vms/{vm}/diskattachments', listAttachments, ['max', 'follow']),
    api: 4,
  },
  { ...get('DiskAttachments_Get', 'vms/{vm}/diskattachments/{disk}', getAttachment), api: 4 },
  { ...get('VmDisks_List', 'vms/{vm}/disks', listVmDisks, ['max']), api: 3 },
  { ...get('VmDisks_Get', 'vms/{vm}/disks/{disk}', getDisk), api: 3 },
  get('Snapshots_List', 'vms/{vm}/snapshots', listSnapshots, ['max', 'follow', 'all_content']),
  { operation: 'Snapshots_Create', method: 'POST', path: 'vms/{vm}/snapshots', answer: createSnapshot },
  get('Snapshots_Get', 'vms/{vm}/snapshots/{snapshot}', getSnapshot, ['all_content']),
  {
    operation: 'Snapshots_Delete',
    method: 'DELETE',
    path: 'vms/{vm}/snapshots/{snapshot}',
    answer: deleteSnapshot,
    options: detached,
    detachable: true,
  },
  {
    // `async` is known here, and forced to false.
    ...action('Snapshots_Restore', 'vms/{vm}/snapshots/{snapshot}/restore', restoreSnapshot),
    detachable: false,
  },
  get('SnapshotDisks_List', 'vms/{vm}/snapshots/{snapshot}/disks', listSnapshotDisks, ['max']),
  get('SnapshotNics_List', 'vms/{vm}/snapshots/{snapshot}/nics', listNothing, ['max']),
  get('SnapshotCdroms_List', 'vms/{vm}/snapshots/{snapshot}/cdroms', listNothing, ['max']),
  {
    ...get(
      'Snapshots_CreationStatus',
      'vms/{vm}/snapshots/{snapshot}/creation_status/{tasks}',
      getCreationStatus,
    ),
    notIds: ['tasks'],
  },
  get('Disks_List', 'disks', listDisks, searching),
  get('Disks_Get', 'disks/{disk}', getDisk),
  { ...get('DiskSnapshots_ListOfDisk', 'disks/{disk}/disksnapshots', listDiskSnapshots), since: '4.4' },
  get('StorageDomains_List', 'storagedomains', listStorageDomains, searching),
  get('StorageDomains_Get', 'storagedomains/{domain}', getStorageDomain),
  get('StorageDomainDisks_List', 'storagedomains/{domain}/disks', listDisksOfDomain, ['max']),
  get('StorageDomainDisks_Get', 'storagedomains/{domain}/disks/{disk}', getDisk),
  get('DiskSnapshots_List', 'storagedomains/{domain}/disksnapshots', listDiskSnapshots, [
    'max',
    'include_active',
    'include_template',
  ]),
  get('Clusters_List', 'clusters', listClusters, searching),
  get('Clusters_Get', 'clusters/{cluster}', getCluster),
  get('Events_List', 'events', listEvents, ['search', 'max', 'from', 'case_sensitive']),
  { ...get('Events_Get', 'events/{event}', getEvent), notIds: ['event'] },
  get('Jobs_List', 'jobs', listJobs, searching),
  get('Jobs_Get', 'jobs/{job}', getJob),
  get('Steps_List', 'jobs/{job}/steps', listSteps, ['max']),
];

/** A route with the variable parts of a path. */
export interface MatchedRoute {
  route: Route;
  parameters: Record<string, string>;
}

/**
 * Finds the operation that a path below the base and a method stand for.
 *
 * @param segments the path, split and decoded
 * @returns `wrong-method` when the path is right and the method is not; undefined when there is no such path
 */
export function matchRoute(
  method: string,
  segments: readonly string[],
  api: ApiVersion,
  version: EngineVersion,
): MatchedRoute | 'wrong-method' | undefined {
  let found: MatchedRoute | 'wrong-method' | undefined;
  for (const route of routes) {
    if (route.api !== undefined && route.api !== api) continue;
    if (route.since !== undefined && !atLeast(version, route.since)) continue;
    if (!atLeast(version, '3.1') && !operationsOf30.includes(route.operation)) continue;
    const parameters = matchPath(route.path, segments);
    if (parameters === undefined) continue;
    if (route.method === method) return { route, parameters };
    found = 'wrong-method';
  }
  return found;
}

function matchPath(pattern: string, segments: readonly string[]): Record<string, string> | undefined {
  const parts = pattern === '' ? [] : pattern.split('/');
  if (parts.length !== segments.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const segment = segments[index] ?? '';
    if (part.startsWith('{')) parameters[part.slice(1, -1)] = segment;
    else if (part !== segment) return undefined;
  }
  return parameters;
}

function get(
  operation: string,
  path: string,
  answer: Route['answer'],
  options: readonly string[] = [],
): Route {
  return { operation, method: 'GET', path, answer, options };
}

function action(operation: string, path: string, answer: Route['answer']): Route {
  return { operation, method: 'POST', path, answer, options: detached, action: true, detachable: true };
}

/** The same operations under the names of v3 and of v4. */
function previewRoutes(): Route[] {
  const operations = [
    ['Vms_PreviewSnapshot', 'preview', previewSnapshot],
    [
      'Vms_CommitSnapshot',
      'commit',
      (world: World, request: EngineRequest) => endPreview(world, request, 'commit'),
    ],
    [
      'Vms_UndoSnapshot',
      'undo',
      (world: World, request: EngineRequest) => endPreview(world, request, 'undo'),
    ],
  ] as const;
  return operations.flatMap(([operation, verb, answer]): Route[] => [
    { ...action(operation, `vms/{vm}/${verb}_snapshot`, answer), api: 3, since: '3.4' },
    { ...action(operation, `vms/{vm}/${verb}snapshot`, answer), api: 4 },
  ]);
}
