/** Looks at everything that the doctor judges. What may not be read is no error: it is a fact. */
import { group, type KindName, kinds, version } from '../../api/kinds.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isForbidden, isNotFound } from '../../runtime/kube/errors.ts';
import type { KubeObject, ResourceType } from '../../runtime/kube/types.ts';
import { type Lease, leaseResource } from '../../runtime/leader-election.ts';
import type { Cluster } from '../cluster.ts';
import { isNotServed } from '../failure.ts';
import { type Gathered, gather } from '../gather.ts';
import type { AnyObject } from '../objects.ts';
import { ownFields, publishedFields } from './definitions.ts';
import type { DefinitionFacts, Facts, LeaseFacts, OperatorFacts, Seen, ServerFacts } from './facts.ts';
import { RawReader } from './raw.ts';
import {
  clusterRights,
  electionRights,
  operatorRights,
  personalRights,
  type Right,
  secretNames,
  secretRight,
} from './rights.ts';

export interface Where {
  /** The namespace to look into; undefined for all, or for that of the kubeconfig where all may not be read. */
  namespace: string | undefined;
  /** Where the operator is, if it is not found by its labels. */
  operatorNamespace: string;
}

/** Reviews and reads under way at once. */
const atOnce = 8;
/** Namespaces and Secrets whose rights are asked for. */
const mostReviewed = 20;

/** Looks at all of it. Rejects only when the API server cannot be reached at all. */
export async function gatherFacts(cluster: Cluster, build: string, where: Where): Promise<Facts> {
  const { client, connection } = cluster;
  await using raw = new RawReader(connection, `kubectl-keyframe/${build}`);
  const server = await serverFacts(raw);
  const [served, fields, own, definitions, scoped] = await Promise.all([
    looked(async () => servedKinds((await raw.get(`/apis/${group}/${version}`)).body)),
    looked(async () => publishedFields((await raw.get(`/openapi/v3/apis/${group}/${version}`)).body)),
    looked(ownFields),
    looked(() => definitionFacts(client)),
    objectsIn(client, where.namespace, cluster.namespace),
  ]);
  const namespace = where.namespace ?? cluster.namespace;
  const objects = 'seen' in scoped.gathered ? scoped.gathered.seen.objects : [];
  const [mine, operators, strayLease] = await Promise.all([
    looked(() =>
      inTurns(personalRights, async (right) => ({
        right,
        isGranted: await mayI(client, right, namespace),
      })),
    ),
    looked(async () =>
      inTurns(await deploymentsOf(client, where.operatorNamespace), (deployment) =>
        operatorFacts(client, deployment, objects),
      ),
    ),
    leaseFacts(client, where.operatorNamespace, defaultLease),
  ]);
  return {
    build,
    server: { seen: server },
    served: isAbsent(served) ? { seen: new Set() } : served,
    fields,
    ownFields: own,
    definitions,
    namespace,
    mine,
    operators,
    lookedIn: where.operatorNamespace,
    strayLease,
    scope: scoped.scope,
    objects: 'seen' in scoped.gathered ? { seen: objects } : scoped.gathered,
    missing: 'seen' in scoped.gathered ? scoped.gathered.seen.missing : [],
  };
}

/** A failure that was no answer about the thing: its kind is not served. */
const absent = 'the API server does not serve it';

function isAbsent<T>(seen: Seen<T>): boolean {
  return 'unseen' in seen && seen.unseen === absent;
}

/** What was read, or why it was not. */
async function looked<T>(look: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { seen: await look() };
  } catch (error) {
    if (isNotServed(error)) return { unseen: absent };
    return { unseen: error instanceof Error ? error.message : String(error) };
  }
}

/** The version of the API server, and its clock. */
export async function serverFacts(raw: RawReader): Promise<ServerFacts> {
  const before = Date.now();
  const { body, date } = await raw.get('/version');
  const { gitVersion } = (body ?? {}) as { gitVersion?: unknown };
  // The header has whole seconds: on average it is half of one behind.
  const here = (before + Date.now()) / 2;
  return {
    version: typeof gitVersion === 'string' ? gitVersion : undefined,
    clocks: date === undefined ? undefined : { server: date + 500, here },
  };
}

function servedKinds(body: unknown): ReadonlySet<string> {
  const { resources = [] } = (body ?? {}) as { resources?: { kind: string; name: string }[] };
  return new Set(resources.filter(({ name }) => !name.includes('/')).map(({ kind }) => kind));
}

const definitionType: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

interface Definition extends KubeObject {
  status?: {
    storedVersions?: string[];
    conditions?: { type: string; status: string; message?: string }[];
  };
}

async function definitionFacts(client: KubeClient): Promise<DefinitionFacts[]> {
  const facts = await inTurns(Object.values(kinds), async ({ kind, plural }) => {
    try {
      const { status } = await client.get<Definition>(definitionType, { name: `${plural}.${group}` });
      const troubles = (status?.conditions ?? [])
        .filter(({ type, status: is }) =>
          ['Established', 'NamesAccepted'].includes(type) ? is === 'False' : is === 'True',
        )
        .map(({ type, message }) => `${type}: ${message ?? ''}`);
      return { kind: kind as KindName, storedVersions: status?.storedVersions ?? [], troubles };
    } catch (error) {
      // That it is not there is told by what is served.
      if (isNotFound(error)) return undefined;
      throw error;
    }
  });
  return facts.filter((each) => each !== undefined);
}

/** The objects of all namespaces, or of one where all may not be read. */
async function objectsIn(
  client: KubeClient,
  asked: string | undefined,
  own: string,
): Promise<{ gathered: Seen<Gathered>; scope: string | undefined }> {
  if (asked === undefined) {
    try {
      return { gathered: { seen: await gather(client, undefined) }, scope: undefined };
    } catch (error) {
      if (!isForbidden(error))
        return { gathered: await looked(() => Promise.reject(error)), scope: undefined };
    }
  }
  const scope = asked ?? own;
  return { gathered: await looked(() => gather(client, scope)), scope };
}

interface Review extends KubeObject {
  spec: object;
  status?: { allowed?: boolean };
}

const review = (kind: string): ResourceType => ({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: `${kind.toLowerCase()}s`,
  kind,
  namespaced: false,
});

async function mayI(client: KubeClient, right: Right, namespace: string): Promise<boolean> {
  const answer = await client.create<Review>(review('SelfSubjectAccessReview'), {
    metadata: { name: '' },
    spec: { resourceAttributes: { ...right, namespace } },
  });
  return answer.status?.allowed === true;
}

const deploymentType: ResourceType = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};

interface Deployment extends KubeObject {
  spec: {
    replicas?: number;
    template: {
      spec: {
        serviceAccountName?: string;
        containers: { name: string; image: string; args?: string[] }[];
      };
    };
  };
  status?: {
    availableReplicas?: number;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
  };
}

/** The name of the operator's container, in the chart and in config/operator. */
const containerName = 'keyframe';

/** The images of the operators of the cluster. */
export async function operatorImages(client: KubeClient, namespace: string): Promise<string[]> {
  return (await deploymentsOf(client, namespace)).map((deployment) => containerOf(deployment)?.image ?? '');
}

function containerOf({ spec }: Deployment) {
  return spec.template.spec.containers.find(({ name }) => name === containerName);
}

/**
 * The operators of the cluster, by their labels, and those of one namespace.
 *
 * @throws ApiError where not even those of that namespace may be looked for
 */
async function deploymentsOf(client: KubeClient, namespace: string): Promise<Deployment[]> {
  const found = new Map<string, Deployment>();
  const look = async (options: { namespace?: string; labelSelector?: string }) => {
    const { items } = await client.listAll<Deployment>(deploymentType, options);
    for (const each of items)
      if (containerOf(each) !== undefined)
        found.set(`${each.metadata.namespace}/${each.metadata.name}`, each);
  };
  try {
    await look({ labelSelector: 'app.kubernetes.io/name=keyframe' });
    await look({ labelSelector: 'app.kubernetes.io/part-of=keyframe' });
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  await look({ namespace });
  return [...found.values()];
}

async function operatorFacts(
  client: KubeClient,
  deployment: Deployment,
  objects: AnyObject[],
): Promise<OperatorFacts> {
  const { metadata, spec, status } = deployment;
  const namespace = metadata.namespace ?? '';
  const container = containerOf(deployment);
  const flags = flagsOf(container?.args ?? []);
  const leaseName = flags.get('leader-election-name') ?? defaultLease;
  const account = spec.template.spec.serviceAccountName ?? 'default';
  const served = flags
    .get('namespaces')
    ?.split(',')
    .filter((name) => name !== '');
  const troubles = (status?.conditions ?? [])
    .filter(({ type, status: is }) => (type === 'ReplicaFailure' ? is === 'True' : is === 'False'))
    .map(({ type, message }) => `${type}: ${message ?? ''}`);
  return {
    namespace,
    name: metadata.name,
    image: container?.image ?? '',
    wanted: spec.replicas ?? 1,
    available: status?.availableReplicas ?? 0,
    troubles,
    lease: flags.get('leader-elect') === 'false' ? undefined : await leaseFacts(client, namespace, leaseName),
    account,
    missing: await looked(() => missingRights(client, { namespace, account }, served, objects)),
  };
}

/** What a container is started with: `--flag=value` and `--flag value`. */
export function flagsOf(args: string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (const [index, arg] of args.entries()) {
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) continue;
    const next = args[index + 1];
    flags.set(name, value ?? (next === undefined || next.startsWith('--') ? 'true' : next));
  }
  return flags;
}

/** What --leader-election-name is unless it is set. */
const defaultLease = 'keyframe';

async function leaseFacts(client: KubeClient, namespace: string, name: string): Promise<LeaseFacts> {
  const lease = await looked(async () => {
    try {
      return await client.get<Lease>(leaseResource, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  });
  return { ...lease, name };
}

/** What an operator's ServiceAccount needs and does not have. Rejects where that may not be asked. */
async function missingRights(
  client: KubeClient,
  account: { namespace: string; account: string },
  served: string[] | undefined,
  objects: AnyObject[],
) {
  const { namespace, account: name } = account;
  type Wanted = { right: Right; namespace: string | undefined; name?: string };
  const scopes: (string | undefined)[] = served === undefined ? [undefined] : served.slice(0, mostReviewed);
  const secrets = objects
    .filter(({ kind, metadata }) =>
      kind === 'VMProvider'
        ? served === undefined || served.includes(metadata.namespace ?? '')
        : kind === 'ClusterVMProvider' && served === undefined,
    )
    .flatMap((provider) =>
      secretNames(provider).map((secret) => ({
        right: secretRight,
        namespace: provider.metadata.namespace ?? namespace,
        name: secret,
      })),
    );
  const wanted: Wanted[] = [
    ...scopes.flatMap((scope) => operatorRights.map((right) => ({ right, namespace: scope }))),
    ...(served === undefined ? clusterRights.map((right) => ({ right, namespace: undefined })) : []),
    ...electionRights.map((right) => ({ right, namespace })),
    ...secrets.slice(0, mostReviewed),
  ];
  const reviewed = await inTurns(wanted, async (each) => {
    const answer = await client.create<Review>(review('SubjectAccessReview'), {
      metadata: { name: '' },
      spec: {
        user: `system:serviceaccount:${namespace}:${name}`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
        resourceAttributes: {
          ...each.right,
          ...(each.namespace === undefined ? {} : { namespace: each.namespace }),
          ...(each.name === undefined ? {} : { name: each.name }),
        },
      },
    });
    return answer.status?.allowed === true ? undefined : each;
  });
  return reviewed.filter((each) => each !== undefined);
}

/** Does the same for each of many, some at once; the results are in their order. */
async function inTurns<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
