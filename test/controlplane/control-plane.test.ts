import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, type KubernetesObject } from './cluster.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { useControlPlane } from './vitest.ts';
import { waitFor } from './wait.ts';

const firstBuild = 900_000;

const configMap = (namespace: string, name: string, data: Record<string, string> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

describe('the shared control plane', () => {
  const cluster = useControlPlane();
  let namespace: string;
  beforeEach(async () => {
    namespace = await cluster.createNamespace('harness');
  });

  const makeServiceAccount = async (): Promise<string> => {
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'nobody', namespace },
    });
    return cluster.serviceAccountToken(namespace, 'nobody', { expirationSeconds: 600 });
  };

  it('is the version that it says', async () => {
    expect(await cluster.request('GET', '/version')).toMatchObject({
      gitVersion: expect.stringMatching(/^v1\.\d+/),
    });
  });

  it('refuses a ServiceAccount what no role grants, and allows it once one does', async () => {
    const send = cluster.requestAs(await makeServiceAccount());
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const refusal = await send('GET', path).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ApiError);
    expect(refusal).toMatchObject({
      status: 403,
      reason: 'Forbidden',
      message: expect.stringContaining('nobody'),
    });
    await cluster.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: ${namespace}}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: ${namespace}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: nobody, namespace: ${namespace}}]
`);
    // The authorizer learns of a new binding by a watch.
    const list = await waitFor('the role to be known', () => send<{ items: unknown[] }>('GET', path));
    expect(list.items).toBeInstanceOf(Array);
  });

  it('refuses a token that it did not issue', async () => {
    await expect(cluster.requestAs('guess')('GET', '/api/v1/namespaces')).rejects.toMatchObject({
      status: 401,
    });
  });

  it('applies a definition and an object of it in one go, whichever comes first', async () => {
    const group = `${namespace}.example.com`;
    const applied = await cluster.apply([
      { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name: 'w', namespace } },
      {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: `widgets.${group}` },
        spec: {
          group,
          scope: 'Namespaced',
          names: { kind: 'Widget', plural: 'widgets', singular: 'widget' },
          versions: [
            { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
          ],
        },
      },
    ]);
    expect(applied.map(({ kind }) => kind)).toEqual(['CustomResourceDefinition', 'Widget']);
    await cluster.request(
      'DELETE',
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.${group}`,
    );
  });

  it('is reached by kubectl as administrator and by a ServiceAccount’s kubeconfig', {
    timeout: firstBuild,
  }, async () => {
    const manifest = JSON.stringify(configMap(namespace, 'from-stdin'));
    expect(await cluster.kubectl(['apply', '-f', '-'], { input: manifest })).toMatchObject({ code: 0 });
    const folder = mkdtempSync(join(tmpdir(), 'keyframe-kubeconfig-test-'));
    try {
      const path = join(folder, 'kubeconfig');
      await cluster.writeKubeconfig({ token: await makeServiceAccount(), namespace, path });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const refused = await cluster.kubectl(['get', 'configmap', 'from-stdin'], { kubeconfig: path });
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`namespace "${namespace}"`) });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a control plane of one’s own', { timeout: firstBuild }, () => {
  const started: ControlPlane[] = [];
  const start = async (...options: Parameters<typeof startControlPlane>) => {
    const controlPlane = await startControlPlane(...options);
    started.push(controlPlane);
    return controlPlane;
  };
  afterEach(async () => {
    vi.unstubAllEnvs();
    // The newest first: one may be a guest of another.
    for (const controlPlane of started.splice(0).reverse()) await controlPlane.stop();
  });

  it('runs beside another, neither knowing the other’s objects', async () => {
    const [one, two] = await Promise.all([start({ own: true }), start({ own: true })]);
    const namespace = await one.createNamespace('side');
    await expect(two.request('GET', `/api/v1/namespaces/${namespace}`)).rejects.toMatchObject({
      status: 404,
    });
    await two.stop();
    expect((await one.request('GET', `/api/v1/namespaces/${namespace}`)).metadata.name).toBe(namespace);
  });

  it('counts in its audit log what a user wrote', async () => {
    const controlPlane = await start({ own: true, auditLog: true });
    const namespace = await controlPlane.createNamespace('audit');
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nobody', namespace } };
    await controlPlane.apply([account, configMap(namespace, 'not-counted')]);
    const send = controlPlane.requestAs(await controlPlane.serviceAccountToken(namespace, 'nobody'));
    const refused = [() => send('POST', path, configMap(namespace, 'a')), () => send('GET', path)];
    for (const attempt of refused) await expect(attempt()).rejects.toMatchObject({ status: 403 });
    const user = `system:serviceaccount:${namespace}:nobody`;
    const events = await controlPlane.auditEvents((event) => event.user.username === user);
    expect(events.map(({ verb, responseStatus }) => [verb, responseStatus?.code])).toEqual([
      ['create', 403],
      ['list', 403],
    ]);
  });

  it('keeps its address, data and tokens when its API server is stopped and started', async () => {
    const controlPlane = await start({ own: true });
    const namespace = await controlPlane.createNamespace('outage');
    await controlPlane.stopApiServer();
    await expect(controlPlane.request('GET', '/version')).rejects.toThrow(
      /ECONNREFUSED|ECONNRESET|other side closed/,
    );
    await controlPlane.restartApiServer();
    expect((await controlPlane.request('GET', `/api/v1/namespaces/${namespace}`)).metadata.name).toBe(
      namespace,
    );
  });

  it('lets a deleted namespace go when it has the controller manager', async () => {
    const controlPlane = await start({ own: true, controllerManager: true });
    const path = `/api/v1/namespaces/${await controlPlane.createNamespace('gone')}`;
    await controlPlane.request('DELETE', path);
    await waitFor('the namespace to go', async () => {
      const error = await controlPlane.request('GET', path).catch((error: unknown) => error);
      return error instanceof ApiError && error.status === 404 ? true : undefined;
    });
  });

  it('gives way to the cluster of KEYFRAME_TEST_CONTEXT, where only namespaces of this run are deleted', async () => {
    const host = await start({ own: true });
    const foreign = await host.createNamespace('foreign');
    vi.stubEnv('KUBECONFIG', host.kubeconfigPath);
    vi.stubEnv('KEYFRAME_TEST_CONTEXT', 'keyframe');
    const guest = await startControlPlane();
    expect(guest.url).toBe(host.url);
    expect(readFileSync(guest.kubeconfigPath, 'utf8')).toContain(host.url);
    const ours = await guest.createNamespace('ours');
    await expect(guest.restartApiServer()).rejects.toThrow('existing cluster');
    await guest.stop();
    const phase = async (name: string) =>
      (await host.request<{ status: { phase: string } }>('GET', `/api/v1/namespaces/${name}`)).status.phase;
    expect([await phase(foreign), await phase(ours)]).toEqual(['Active', 'Terminating']);
  });

  it('says which kube contexts there are when KEYFRAME_TEST_CONTEXT names none of them', async () => {
    vi.stubEnv('KUBECONFIG', useControlPlane().kubeconfigPath);
    vi.stubEnv('KEYFRAME_TEST_CONTEXT', 'nowhere');
    await expect(startControlPlane()).rejects.toThrow(/no kube context nowhere .*there are: \S+/);
  });
});
