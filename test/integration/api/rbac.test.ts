/** What config/rbac grants, to the letter: every verb on every resource that could be of interest. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { waitFor } from '../../controlplane/wait.ts';

const cluster = useControlPlane();
const folder = join(import.meta.dirname, '../../../config/rbac');
let operatorNamespace: string;
let otherNamespace: string;
let applied: KubernetesObject[];

/** Resources as `group/resource`, the core group with an empty name. */
const resources = [
  'keyframe.dev/vmproviders',
  'keyframe.dev/vmproviders/status',
  'keyframe.dev/clustervmproviders',
  'keyframe.dev/clustervmproviders/status',
  'keyframe.dev/vmsnapshots',
  'keyframe.dev/vmsnapshots/status',
  'keyframe.dev/restorepointcollections',
  'keyframe.dev/restorepointcollections/status',
  'keyframe.dev/restorepointcopies',
  'keyframe.dev/restorepointcopies/status',
  'keyframe.dev/vmrestores',
  'keyframe.dev/vmrestores/status',
  'keyframe.dev/vmsnapshotinventories',
  'keyframe.dev/vmsnapshotinventories/status',
  '/secrets',
  '/configmaps',
  '/namespaces',
  '/events',
  '/pods',
  '/serviceaccounts',
  '/serviceaccounts/token',
  'events.k8s.io/events',
  'coordination.k8s.io/leases',
  'authorization.k8s.io/subjectaccessreviews',
  'authentication.k8s.io/tokenreviews',
  'apiextensions.k8s.io/customresourcedefinitions',
  'rbac.authorization.k8s.io/clusterroles',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
];
const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

/** Applies config/rbac under names of its own, so that tests do not meet in cluster-wide names. */
beforeAll(async () => {
  operatorNamespace = await cluster.createNamespace('rbac');
  otherNamespace = await cluster.createNamespace('rbac-other');
  const overlay = join(cluster.handle.folder, operatorNamespace);
  await mkdir(overlay, { recursive: true });
  await writeFile(
    join(overlay, 'kustomization.yaml'),
    JSON.stringify({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      namespace: operatorNamespace,
      nameSuffix: `-${operatorNamespace}`,
      resources: [relative(overlay, folder)],
    }),
  );
  const { stdout, stderr } = await cluster.kubectl(['kustomize', overlay]);
  expect(stderr).toBe('');
  applied = await cluster.apply(stdout);
});

afterAll(async () => {
  for (const { kind, metadata } of applied ?? []) {
    const plural = { ClusterRole: 'clusterroles', ClusterRoleBinding: 'clusterrolebindings' }[kind];
    if (plural)
      await cluster.request('DELETE', `/apis/rbac.authorization.k8s.io/v1/${plural}/${metadata.name}`);
  }
  await cluster.disconnect();
});

async function isAllowed(user: string, groups: string[], namespace: string, resource: string, verb: string) {
  const [group, name, subresource] = resource.split('/');
  const review = await cluster.request<{ status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, groups, resourceAttributes: { namespace, group, resource: name, subresource, verb } },
    },
  );
  return review.status.allowed;
}

/** All that a user may do in a namespace: the verbs by resource. */
async function allowed(user: string, groups: string[], namespace: string): Promise<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const resource of resources) {
    const granted: string[] = [];
    for (const verb of verbs) {
      if (await isAllowed(user, groups, namespace, resource, verb)) granted.push(verb);
    }
    if (granted.length > 0) result[resource] = granted.join(' ');
  }
  return result;
}

const everywhere = {
  'keyframe.dev/vmproviders': 'get list watch patch',
  'keyframe.dev/vmproviders/status': 'patch',
  'keyframe.dev/clustervmproviders': 'get list watch patch',
  'keyframe.dev/clustervmproviders/status': 'patch',
  'keyframe.dev/vmsnapshots': 'get list watch patch delete',
  'keyframe.dev/vmsnapshots/status': 'patch',
  'keyframe.dev/restorepointcollections': 'get list watch create patch delete',
  'keyframe.dev/restorepointcollections/status': 'patch',
  'keyframe.dev/restorepointcopies': 'get list watch patch',
  'keyframe.dev/restorepointcopies/status': 'patch',
  'keyframe.dev/vmrestores': 'get list watch patch',
  'keyframe.dev/vmrestores/status': 'patch',
  'keyframe.dev/vmsnapshotinventories': 'get list watch',
  'keyframe.dev/vmsnapshotinventories/status': 'patch',
  '/secrets': 'get',
  '/configmaps': 'get create',
  '/namespaces': 'get list watch',
  'events.k8s.io/events': 'create patch',
};

it('the operator may do what it needs, and nothing else', async () => {
  const user = `system:serviceaccount:${operatorNamespace}:keyframe-${operatorNamespace}`;
  const groups = [
    'system:serviceaccounts',
    `system:serviceaccounts:${operatorNamespace}`,
    'system:authenticated',
  ];
  await waitFor(
    'the bindings to hold',
    async () =>
      (await isAllowed(user, groups, operatorNamespace, 'coordination.k8s.io/leases', 'patch')) &&
      (await isAllowed(user, groups, otherNamespace, '/secrets', 'get')),
  );
  expect(await allowed(user, groups, otherNamespace)).toEqual(everywhere);
  expect(await allowed(user, groups, operatorNamespace)).toEqual({
    ...everywhere,
    'coordination.k8s.io/leases': 'get create patch',
  });
});

const read = 'get list watch';
const write = 'create update patch delete deletecollection';
it.each<[string, string, Record<string, string>]>([
  [
    'view',
    'view edit admin',
    {
      'keyframe.dev/vmproviders': read,
      'keyframe.dev/vmsnapshots': read,
      'keyframe.dev/restorepointcollections': read,
      'keyframe.dev/restorepointcopies': read,
      'keyframe.dev/vmrestores': read,
      'keyframe.dev/vmsnapshotinventories': read,
    },
  ],
  [
    'edit',
    'edit admin',
    {
      'keyframe.dev/vmsnapshots': write,
      'keyframe.dev/restorepointcollections': write,
      'keyframe.dev/restorepointcopies': write,
      'keyframe.dev/vmsnapshotinventories': write,
    },
  ],
  ['admin', 'admin', { 'keyframe.dev/vmproviders': write }],
  ['restore', 'admin', { 'keyframe.dev/vmrestores': write }],
])('what %s gains goes to %s, and reaches no status', async (name, aggregatedTo, expected) => {
  const role = `keyframe-${name}-${operatorNamespace}`;
  const user = `somebody-with-${name}`;
  const labels = applied.find(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === role)
    ?.metadata.labels;
  expect(labels).toEqual(
    Object.fromEntries(
      aggregatedTo.split(' ').map((to) => [`rbac.authorization.k8s.io/aggregate-to-${to}`, 'true']),
    ),
  );
  await cluster.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: user, namespace: otherNamespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  });
  const [resource = '', verbs = ''] = Object.entries(expected)[0] ?? [];
  const [verb = ''] = verbs.split(' ');
  await waitFor('the binding to hold', () =>
    isAllowed(user, ['system:authenticated'], otherNamespace, resource, verb),
  );
  expect(await allowed(user, ['system:authenticated'], otherNamespace)).toEqual(expected);
});

it('no role has a wildcard', async () => {
  const { stdout } = await cluster.kubectl(['kustomize', folder]);
  const roles = loadAll(stdout).filter((object) => (object as KubernetesObject).kind.endsWith('Role')) as {
    rules: Record<string, string[]>[];
  }[];
  const words = roles.flatMap(({ rules }) => rules.flatMap((rule) => Object.values(rule).flat()));
  expect(words.length).toBeGreaterThan(0);
  expect(words.filter((word) => word.includes('*'))).toEqual([]);
});
