/** What the API server makes of the CRDs: accepted, explained, defaulted, shown. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiVersion, group, type KindName, kinds } from '../../../src/api/kinds.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { kstatus } from '../../support/kstatus.ts';
import { ApiRequests } from './http.ts';
import { pathOf } from './judge.ts';
import { readSamples } from './samples.ts';

const cluster = useControlPlane();
const requests = new ApiRequests(cluster);
const kindNames = Object.keys(kinds) as KindName[];
let namespace: string;

beforeAll(async () => {
  namespace = await cluster.createNamespace('crds');
});
afterAll(async () => {
  await requests.close();
  await cluster.disconnect();
});

/** Makes the first sample of a kind, for the time of an action. */
async function withSample<T>(kind: KindName, action: (path: string, object: KubernetesObject) => Promise<T>) {
  const sample = readSamples().find((candidate) => candidate.kind === kind);
  const all = pathOf(kind, namespace);
  const made = await cluster.request<KubernetesObject>('POST', all, {
    apiVersion,
    kind,
    metadata: { generateName: 'sample-' },
    spec: sample?.spec,
    // Not the business of whoever makes it.
    status: { observedGeneration: 1, conditions: [] },
  });
  const path = `${all}/${made.metadata.name}`;
  try {
    return await action(path, made);
  } finally {
    await cluster.request('DELETE', path);
  }
}

describe.each(kindNames)('the CRD of %s', (kind) => {
  const { plural, shortName, columns } = kinds[kind];

  it('is established, with its names and no complaint', async () => {
    const { status } = await cluster.request<{
      status: { conditions: { type: string; status: string }[]; acceptedNames: object };
    }>('GET', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`);
    const conditions = status.conditions.map(({ type, status }) => `${type}=${status}`);
    expect(conditions.sort()).toEqual(['Established=True', 'NamesAccepted=True']);
    expect(status.acceptedNames).toMatchObject({ plural, shortNames: [shortName], categories: ['keyframe'] });
  });

  it('makes a fresh object read as in progress, whatever status it came with', async () => {
    await withSample(kind, async (path, made) => {
      const read = await cluster.request<KubernetesObject>('GET', path);
      for (const object of [made, read]) {
        expect(object.status).toEqual({ observedGeneration: -1 });
        expect(kstatus(object as Parameters<typeof kstatus>[0])).toBe('InProgress');
      }
    });
  });

  it('takes words in the status that this version does not know', async () => {
    await withSample(kind, async (path) => {
      const condition = {
        type: 'Ready',
        status: 'False',
        reason: 'ReasonOfALaterVersion',
        message: 'later',
        lastTransitionTime: '2026-03-01T12:00:00Z',
      };
      const status = { observedGeneration: 1, conditions: [condition] };
      const patched = await cluster.request<KubernetesObject>('PATCH', `${path}/status`, { status });
      expect(patched.status).toEqual(status);
    });
  });

  it('shows its columns, with their descriptions', async () => {
    await withSample(kind, async (path) => {
      const { body } = await requests.send('GET', path, {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      });
      const { columnDefinitions } = body as {
        columnDefinitions: { name: string; type: string; description: string; priority: number }[];
      };
      const [name, ...others] = columnDefinitions;
      expect(name).toMatchObject({ name: 'Name', priority: 0 });
      expect(
        others.map(({ name, type, description, priority }) => ({ name, type, description, priority })),
      ).toEqual(
        columns.map(({ name, type, description, wide }) => ({
          name,
          type,
          description,
          priority: wide ? 1 : 0,
        })),
      );
    });
  });
});

it('the columns show what the status says', async () => {
  await withSample('VMSnapshot', async (path) => {
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Available',
      message: 'A VM can be restored from it.',
      lastTransitionTime: '2026-03-01T12:00:00Z',
    };
    await cluster.request('PATCH', `${path}/status`, {
      status: {
        observedGeneration: 1,
        conditions: [ready],
        vm: { name: 'web-1' },
        consistency: { level: 'Application' },
        progress: { percent: 40 },
        replication: { state: 'Succeeded', percent: 100, disks: [] },
        snapshotID: '/subscriptions/1/point',
      },
    });
    const { body } = await requests.send('GET', path, {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    });
    const { columnDefinitions, rows } = body as {
      columnDefinitions: { name: string }[];
      rows: { cells: unknown[] }[];
    };
    const shown = Object.fromEntries(
      columnDefinitions.map(({ name }, index) => [name, rows[0]?.cells[index]]),
    );
    expect(shown).toMatchObject({
      Ready: 'True',
      Reason: 'Available',
      VM: 'web-1',
      Consistency: 'Application',
      Progress: 40,
      Replicated: 100,
      Snapshot: '/subscriptions/1/point',
      Message: 'A VM can be restored from it.',
    });
  });
});

it('kubectl get keyframe lists all kinds', async () => {
  await withSample('VMSnapshot', async (_, snapshot) => {
    await withSample('ClusterVMProvider', async (_, provider) => {
      const { stdout, stderr } = await cluster.kubectl(['get', 'keyframe', '-n', namespace, '-o', 'name']);
      expect(stdout.split('\n'), stderr).toEqual(
        expect.arrayContaining([
          `vmsnapshot.keyframe.dev/${snapshot.metadata.name}`,
          `clustervmprovider.keyframe.dev/${provider.metadata.name}`,
        ]),
      );
    });
  });
});

it.each([
  ['vmsnap', 'VMSnapshot is one snapshot of one virtual machine outside the cluster'],
  ['vmsnapshot.spec', 'All but deletionPolicy, ttl and description is fixed.'],
  ['vmsnapshot.spec.ttl', 'The object deletes itself so long after completion.'],
  ['vmsnapshot.spec.consistency.policy', 'a snapshot that falls short is removed'],
  ['vmsnapshot.status.readyToUse', 'a VM can be restored from it'],
  ['rpcol.spec.deletionPolicy', 'Unset: Delete for made, Retain for adopted ones.'],
  ['rpcopy.status.provisioningState', 'Succeeded means only that copying has begun'],
  ['cvmp.spec.access', 'Nothing is granted by default'],
  ['vmp.spec.azure.auth.clientSecret.secretRef.key', 'Key in the Secret. Unset: clientSecret.'],
  ['vmp.spec.ovirt.auth.oauth.secretRef.usernameKey', 'such as admin@internal: user@profile'],
  ['vmp.spec.spf.auth', 'Set exactly one of basic, ntlm, negotiate, bearer, clientCertificate.'],
  ['vmrst.spec.startBefore', 'A restore that has not begun by then never begins'],
  ['vmsinv.status.items.managedBy', 'OrphanOfThisCluster: this one made it for an object that is gone'],
])('kubectl explain %s says: %s', async (field, text) => {
  // What is explained comes from the OpenAPI documents, which follow the CRDs a moment later.
  await waitFor(`kubectl explain ${field}`, async () => {
    const { stdout, stderr, code } = await cluster.kubectl(['explain', field]);
    if (code !== 0) throw new Error(stderr);
    return stdout.replace(/\s+/g, ' ').includes(text);
  });
});
