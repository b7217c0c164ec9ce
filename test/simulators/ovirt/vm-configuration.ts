import { type Children, leaf, link, list, object, repeated } from './document.ts';
import { type ApiVersion, atLeast, type EngineVersion } from './engine-version.ts';
import type { VmConfiguration, VmStatus } from './state.ts';

const none = '00000000-0000-0000-0000-000000000000';
const cpuProfileId = '7e5344a6-3434-445a-9478-d989e1180fcf';
const quotaId = 'd3a5edf0-1330-4933-afb0-ed18ca5bd1c2';
const smallIconId = 'a82f7562-5ea9-07b9-cf1c-176e92f9ffaf';
const largeIconId = 'd451982e-7c98-9329-709c-44fbaa46da26';

/** A VM's settings with the state that they are shown with. */
export interface ShownConfiguration extends VmConfiguration {
  status: VmStatus;
  stopTime: number | undefined;
}

/**
 * The elements of a VM's configuration, in a VM and in a snapshot of it, as recorded engines write them.
 *
 * @param snapshotHref in 3.1 and 3.2 the links of a snapshot stand in the VM inside it
 */
export function configurationElements(
  version: EngineVersion,
  api: ApiVersion,
  vm: ShownConfiguration,
  snapshotHref?: string,
): Children {
  if (api === 4) return configurationV4(vm);
  return atLeast(version, '3.3') ? configurationV3(vm) : configurationOf31(vm, snapshotHref);
}

function configurationV4(vm: ShownConfiguration): Children {
  return [
    leaf('name', vm.name),
    leaf('description', vm.description),
    leaf('comment', ''),
    object('bios', {}, [object('boot_menu', {}, [leaf('enabled', false)]), leaf('type', 'i440fx_sea_bios')]),
    object('cpu', {}, [
      leaf('architecture', 'x86_64'),
      object('topology', {}, [leaf('cores', vm.cores), leaf('sockets', vm.sockets), leaf('threads', 1)]),
    ]),
    leaf('cpu_shares', 0),
    leaf('creation_time', new Date(vm.createdAt)),
    leaf('delete_protected', false),
    object('display', {}, [
      leaf('allow_override', true),
      leaf('copy_paste_enabled', true),
      leaf('disconnect_action', 'LOCK_SCREEN'),
      leaf('file_transfer_enabled', true),
      leaf('monitors', 1),
      leaf('single_qxl_pci', false),
      leaf('smartcard_enabled', false),
    ]),
    object('high_availability', {}, [leaf('enabled', false), leaf('priority', 1)]),
    object('initialization', {}, [
      leaf('host_name', vm.initialization?.hostName),
      leaf('regenerate_ssh_keys', false),
    ]),
    object('io', {}, [leaf('threads', 1)]),
    object('large_icon', { id: largeIconId }),
    leaf('memory', vm.memoryBytes),
    object('memory_policy', {}, [leaf('guaranteed', vm.memoryBytes), leaf('max', vm.memoryBytes * 4)]),
    object('migration', {}, [leaf('auto_converge', 'inherit'), leaf('compressed', 'inherit')]),
    leaf('migration_downtime', -1),
    leaf('multi_queues_enabled', true),
    leaf('origin', 'ovirt'),
    object('os', {}, [
      object('boot', {}, [
        object('devices', {}, [
          { kind: 'leaf', name: 'device', value: 'hd' },
          { kind: 'leaf', name: 'device', value: 'cdrom' },
        ]),
      ]),
      leaf('type', 'rhel_7x64'),
    ]),
    object('placement_policy', {}, [leaf('affinity', 'migratable')]),
    object('small_icon', { id: smallIconId }),
    object('sso', {}, [list('methods', [object('method', { id: 'guest_agent' })])]),
    leaf('start_paused', false),
    leaf('stateless', false),
    leaf('storage_error_resume_behaviour', 'auto_resume'),
    object('time_zone', {}, [leaf('name', 'Etc/GMT')]),
    leaf('type', 'server'),
    object('usb', {}, [leaf('enabled', false)]),
    object('cluster', { id: vm.clusterId }),
    object('cpu_profile', { id: cpuProfileId }),
    object('quota', { id: quotaId }),
    leaf('next_run_configuration_exists', false),
    leaf('numa_tune_mode', 'interleave'),
    leaf('status', vm.status),
    leaf('stop_reason', ''),
    leaf('stop_time', vm.stopTime === undefined ? undefined : new Date(vm.stopTime)),
    object('original_template', { id: none }),
    object('template', { id: none }),
  ];
}

/** As an engine 4.1 wrote it when it was asked for v3; 3.3 to 3.6 are taken to write the same. */
function configurationV3(vm: ShownConfiguration): Children {
  return [
    leaf('name', vm.name),
    leaf('description', vm.description === '' ? undefined : vm.description),
    leaf('type', 'desktop'),
    object('status', {}, [leaf('state', vm.status)]),
    leaf('memory', vm.memoryBytes),
    object('cpu', {}, [
      object('topology', { sockets: String(vm.sockets), cores: String(vm.cores), threads: '1' }),
      leaf('architecture', 'x86_64'),
    ]),
    leaf('cpu_shares', 0),
    object('bios', {}, [object('boot_menu', {}, [leaf('enabled', true)])]),
    object('os', { type: 'other' }, [repeated('boot', { dev: 'hd' })]),
    object('cluster', { id: vm.clusterId }),
    leaf('creation_time', new Date(vm.createdAt)),
    leaf('origin', 'ovirt'),
    leaf('stateless', false),
    leaf('delete_protected', false),
    object('high_availability', {}, [leaf('enabled', false), leaf('priority', 1)]),
    object('display', {}, [
      leaf('monitors', 1),
      leaf('single_qxl_pci', false),
      leaf('allow_override', false),
      leaf('smartcard_enabled', false),
      leaf('file_transfer_enabled', true),
      leaf('copy_paste_enabled', true),
      leaf('disconnect_action', 'LOCK_SCREEN'),
    ]),
    object('sso', {}, [list('methods', [object('method', { id: 'guest_agent' })])]),
    leaf('timezone', 'Etc/GMT'),
    object('usb', {}, [leaf('enabled', false)]),
    leaf('migration_downtime', -1),
    leaf('start_paused', false),
    object('cpu_profile', { id: cpuProfileId }),
    object('migration', {}, [leaf('auto_converge', 'inherit'), leaf('compressed', 'inherit')]),
    object('io', {}, [leaf('threads', 0)]),
    object('time_zone', {}, [leaf('name', 'Etc/GMT')]),
    object('small_icon', { id: smallIconId }),
    object('large_icon', { id: largeIconId }),
    object('memory_policy', {}, [leaf('guaranteed', vm.memoryBytes)]),
    leaf('stop_reason', ''),
    object('template', { id: none }),
    leaf('stop_time', vm.stopTime === undefined ? undefined : new Date(vm.stopTime)),
    object('initialization', {}, [leaf('host_name', vm.initialization?.hostName)]),
    object('placement_policy', {}, [leaf('affinity', 'migratable')]),
    leaf('next_run_configuration_exists', false),
    leaf('numa_tune_mode', 'interleave'),
  ];
}

function configurationOf31(vm: ShownConfiguration, snapshotHref: string | undefined): Children {
  const links = snapshotHref === undefined ? [] : ['cdroms', 'disks', 'nics'];
  return [
    leaf('name', vm.name),
    leaf('description', vm.description),
    ...links.map((rel) => link(rel, `${snapshotHref}/${rel}`)),
    leaf('type', 'desktop'),
    object('status', {}, [leaf('state', vm.status)]),
    leaf('memory', vm.memoryBytes),
    object('cpu', {}, [object('topology', { sockets: String(vm.sockets), cores: String(vm.cores) })]),
    object('os', { type: 'rhel_6' }, [repeated('boot', { dev: 'hd' })]),
    object('high_availability', {}, [leaf('enabled', false), leaf('priority', 0)]),
    object('display', {}, [leaf('type', 'vnc'), leaf('monitors', 1), leaf('allow_override', false)]),
    object('cluster', { id: vm.clusterId }),
    object('template', { id: none }),
    leaf('creation_time', new Date(vm.createdAt)),
    leaf('origin', 'rhev'),
    leaf('stateless', false),
    object('placement_policy', {}, [leaf('affinity', 'migratable')]),
    object('memory_policy', {}, [leaf('guaranteed', vm.memoryBytes)]),
    object('quota', { id: none }),
    object('usb', {}, [leaf('enabled', false)]),
  ];
}
