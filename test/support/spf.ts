import { apiVersion } from '../../src/api/kinds.ts';
import { readMark } from '../../src/controllers/intent.ts';
import { markedNameIn } from '../../src/providers/marked-text.ts';
import type { SpfSimulatorOptions } from '../simulators/spf/options.ts';
import { type CheckpointSummary, type SpfSimulator, startSpfSimulator } from '../simulators/spf/simulator.ts';
import type { Effect } from '../simulators/spf/state.ts';
import type { Stage } from './stage.ts';

/** A Service Provider Foundation beside the stage, whose time runs fast. */
export async function startSpf(options: SpfSimulatorOptions = {}): Promise<SpfSimulator> {
  return startSpfSimulator({ speed: 100, ...options });
}

export type SpfAuth = 'basic' | 'ntlm' | 'bearer' | 'clientCertificate';
export type SpfDoor = 'adminRoot' | 'tenantRoot' | 'wapAdminRoot' | 'wapTenantRoot' | 'wapPublicRoot';

/** The credentials that an SPF takes, in the keys that a Secret for each authentication has. */
export function spfCredentials(
  { account, bearerToken, clientCertificate }: SpfSimulator,
  auth: SpfAuth,
): Record<string, string> {
  if (auth === 'bearer') return { token: bearerToken };
  if (auth === 'clientCertificate')
    return { 'tls.crt': clientCertificate.cert, 'tls.key': clientCertificate.key };
  return { username: `${account.domain}\\${account.user}`, password: account.password };
}

export interface SpfProviderChange {
  name?: string;
  auth?: SpfAuth;
  /** SPF's own site in an administrator's scope unless told otherwise. */
  door?: SpfDoor;
  /** In place of the credentials that it takes. */
  credentials?: Record<string, string>;
  spec?: object;
}

/** Makes a Secret with the credentials that an SPF takes, and a VMProvider that uses it, both called `name`. */
export async function spfProvider(
  stage: Stage,
  spf: SpfSimulator,
  namespace: string,
  change: SpfProviderChange = {},
): Promise<void> {
  const { name = 'spf', auth = 'basic', door = 'adminRoot' } = change;
  await stage.cluster.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: change.credentials ?? spfCredentials(spf, auth),
  });
  await stage.cluster.apply({
    apiVersion,
    kind: 'VMProvider',
    metadata: { name, namespace },
    spec: {
      spf: {
        url: spf[door],
        principalID: 'keyframe@contoso.example',
        auth: { [auth]: { secretRef: { name } } },
      },
      tls: { caBundle: spf.caPem },
      limits: { requestTimeout: '2s', requestsPerSecond: 1000, maxConcurrent: 32 },
      probeInterval: '5s',
      ...change.spec,
    },
  });
}

/** The checkpoints that bear an object's mark. */
export function checkpointsOf(spf: SpfSimulator, uid: string): CheckpointSummary[] {
  return spf.checkpoints().filter((checkpoint) => isOf(checkpoint, uid));
}

/** How many checkpoints a request ever made a row of for an object. */
export function rowsMadeFor(spf: SpfSimulator, uid: string): number {
  return spf.everCreated().filter((effect) => isOf(effect, uid)).length;
}

/** What happened to a VM. */
export function effectsOn(spf: SpfSimulator, vmId: string): Effect[] {
  return spf.effects().filter((effect) => effect.vmId === vmId);
}

function isOf(
  { name, description }: { name: string | null; description: string | null },
  uid: string,
): boolean {
  const mark = markedNameIn(description ?? undefined) ?? markedNameIn(name ?? undefined);
  return readMark(mark ?? '')?.uid === uid;
}

/** The spec of a VMRestore that puts a VM back to a snapshot, within the hour. */
export function restoreOf(snapshot: string, vmID: string) {
  return {
    source: { snapshotRef: { name: snapshot } },
    strategy: 'InPlace',
    startBefore: new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z'),
    target: { vmID },
  };
}
