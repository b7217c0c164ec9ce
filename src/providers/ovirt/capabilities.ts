import type { Capabilities, Support } from '../provider.ts';
import { type APIVersion, atLeast, type EngineVersion } from './engine-version.ts';

/** What an engine is asked as: its release, and the shape that is spoken with it. */
export interface Dialect {
  version: EngineVersion;
  api: APIVersion;
}

/** Until an engine has told its release, only what every release has can be relied on. */
const narrowest: Dialect = { version: { major: 3, minor: 1, build: 0, full: 'not known yet' }, api: 3 };

/**
 * What an engine can do, by its release and the shape that is spoken with it (oVirt sheet, sections 1, 6 and 7); the
 * least of all while these are not known.
 */
export function capabilitiesOf(dialect: Dialect = narrowest): Capabilities {
  const { version, api } = dialect;
  const since = (release: string, what: string): Support =>
    atLeast(version, release) || `${what} came with engine ${release}, and this is ${version.full}`;
  const v4 = api === 4;
  // A list of disks in v3 is that of the native engines; the v3 layer of 4.x has it, too.
  const subset = v4 || since('3.4', 'a choice of disks');
  return {
    noun: 'snapshot',
    memory: since('3.3', 'memory in snapshots'),
    displayName: 'a snapshot of oVirt has a description and no name',
    description: true,
    rename: 'the description of a snapshot of oVirt cannot be changed',
    stamps: 'oVirt has no stamps',
    // The engine's snapshots lie below their VM.
    namesVM: false,
    consistency: {
      Application: 'oVirt freezes file systems, and nothing tells of applications',
      FileSystem: true,
      Crash: true,
    },
    disks: { include: subset, exclude: subset, configurationOnly: configurationOnly(v4) },
    // Unless memory is saved, and where the guest agent runs; that it failed is told by an event.
    quiesces: true,
    freeze: since('3.6', 'freezing by a call'),
    thawsItself: !atLeast(version, '4.4.2'),
    imageIDs: v4 ? since('4.2', 'the choice of image ids') : 'API v3 has no choice of image ids',
    configuration: since('3.3', 'the configuration in snapshots'),
    collections: 'oVirt has no restore point collections',
    restore: {
      inPlace: true,
      preview: v4 || since('3.4', 'a preview'),
      newVM: true,
      newDisks: 'oVirt makes no single disks from a snapshot',
      memory: since('3.3', 'memory in snapshots'),
      disks: since('4.2', 'the restore of single disks'),
      losesNewer: true,
    },
    inventory: {
      vm: true,
      storageDomain: v4 || since('3.5', 'the list of disk snapshots'),
      collection: 'oVirt has no restore point collections',
    },
  };
}

/**
 * Without any disk. An empty list is never sent: up to 4.1 it means all disks, from 4.2 on the engine fails over it
 * (oVirt sheet, section 6). What engines 4.0 to 4.5 do take, by their sources (mapDisks of BackendSnapshotsResource,
 * getDisksList of CreateSnapshotForVmCommand), is a list with one attachment that names no disk: it makes a choice
 * without members. Engines 3.x make a disk of an entry without an id.
 */
function configurationOnly(v4: boolean): Support {
  return v4 || 'API v3 has no safe way to leave all disks out: an empty list would mean all of them';
}
