import { apiVersion } from '../../src/api/kinds.ts';
import { readMark } from '../../src/controllers/intent.ts';
import { markedNameIn } from '../../src/providers/marked-text.ts';
import type { OvirtSimulatorOptions } from '../simulators/ovirt/options.ts';
import {
  type OvirtSimulator,
  type SnapshotSummary,
  startOvirtSimulator,
} from '../simulators/ovirt/simulator.ts';
import type { Stage } from './stage.ts';

/** An oVirt engine beside the stage, whose time runs fast. */
export async function startEngine(options: OvirtSimulatorOptions = {}): Promise<OvirtSimulator> {
  return startOvirtSimulator({ speed: 100, ...options });
}

type Auth = 'oauth' | 'basic' | 'session';

/** Makes a Secret with the credentials that the engine takes, and a VMProvider that uses it, both called `name`. */
export async function engineProvider(
  stage: Stage,
  engine: OvirtSimulator,
  namespace: string,
  change: { name?: string; auth?: Auth; apiVersion?: 'Auto' | 'V4' | 'V3'; spec?: object } = {},
): Promise<void> {
  const { name = 'engine', auth = 'oauth' } = change;
  await stage.cluster.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { username: engine.username, password: engine.password },
  });
  await stage.cluster.apply({
    apiVersion,
    kind: 'VMProvider',
    metadata: { name, namespace },
    spec: {
      ovirt: {
        url: engine.url,
        ...(change.apiVersion === undefined ? {} : { apiVersion: change.apiVersion }),
        auth: { [auth]: { secretRef: { name } } },
      },
      tls: { caBundle: engine.caPem },
      limits: { requestTimeout: '2s', requestsPerSecond: 1000, maxConcurrent: 32 },
      probeInterval: '5s',
      ...change.spec,
    },
  });
}

/** The snapshots at the engine that bear an object's mark. */
export function snapshotsOf(engine: OvirtSimulator, uid: string): SnapshotSummary[] {
  return engine.snapshots().filter(({ description }) => isOf(description, uid));
}

/** How many snapshots a request ever made for an object. */
export function createdFor(engine: OvirtSimulator, uid: string): number {
  return engine.everCreated().filter((effect) => isOf(effect.name, uid)).length;
}

function isOf(description: string | undefined, uid: string): boolean {
  return readMark(markedNameIn(description) ?? '')?.uid === uid;
}
