/** What the doctor asks of the operator's rights is what config/rbac grants; and other facts that stand elsewhere. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import { expect, it } from 'vitest';
import { kinds } from '../../../src/api/kinds.ts';
import { ownFields } from '../../../src/cli/doctor/definitions.ts';
import { oldestKubernetes } from '../../../src/cli/doctor/diagnose.ts';
import {
  clusterRights,
  electionRights,
  operatorRights,
  type Right,
  secretNames,
  secretRight,
} from '../../../src/cli/doctor/rights.ts';
import { object } from '../../../src/cli/testing/objects.ts';

const root = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Role {
  kind: string;
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

function granted(file: string): Set<string> {
  const roles = (loadAll(read(file)) as Role[]).filter(({ kind }) => kind.endsWith('Role'));
  const rules = roles.flatMap(({ rules = [] }) => rules);
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
      ),
    ),
  );
}

const words = ({ verb, group, resource, subresource }: Right) =>
  `${verb} ${group}/${resource}${subresource === undefined ? '' : `/${subresource}`}`;

it('the operator needs what config/rbac/operator.yaml grants', () => {
  // Only who asks for it (ovirt.saveConfigurationTo) needs ConfigMaps, and the chart can leave them out.
  const optional = ['get /configmaps', 'create /configmaps'];
  const needed = [...operatorRights, ...clusterRights, secretRight].map(words);
  expect(new Set([...needed, ...optional])).toEqual(granted('config/rbac/operator.yaml'));
});

it('an election needs what config/rbac/leader-election.yaml grants', () => {
  expect(new Set(electionRights.map(words))).toEqual(granted('config/rbac/leader-election.yaml'));
});

it('the oldest Kubernetes is that of the chart', () => {
  const chart = load(read('charts/keyframe/Chart.yaml')) as { kubeVersion: string };
  expect(chart.kubeVersion).toBe(`>=${oldestKubernetes}.0-0`);
});

it('every kind has its fields beside the code', async () => {
  const fields = await ownFields();
  expect([...fields.keys()].sort()).toEqual(Object.keys(kinds).sort());
  expect(fields.get('VMSnapshot')).toContain('spec.source.vm.id');
  expect(fields.get('RestorePointCopy')).toContain('status.replication.disks.percent');
});

it('finds the Secrets of a provider wherever its spec names them', () => {
  const provider = object('VMProvider', 'azure', {
    spec: {
      azure: { auth: { clientSecret: { clientID: 'x', secretRef: { name: 'one' } } } },
      tls: { caSecretRef: { name: 'two' } },
    },
  });
  expect(secretNames(provider)).toEqual(['one', 'two']);
});
