import { apiVersion, type KindName, kinds } from '../../../src/api/kinds.ts';
import type { Cluster, KubernetesObject } from '../../controlplane/cluster.ts';
import { ApiRequests } from './http.ts';

/** One thing that the API server refuses, as metav1.StatusCause tells it. */
export interface Cause {
  reason: string;
  message: string;
  /** Such as `spec.disks.ids[0]`. */
  field: string;
}

/** What the server adds when it did not come to the rules of CEL. */
const notAllChecked = 'some validation rules were not checked because the object was invalid';

/** The path of all objects of a kind; the namespace is for kinds that have one. */
export function pathOf(kind: KindName, namespace: string): string {
  const { plural, namespaced } = kinds[kind];
  return `/apis/${apiVersion}/${namespaced ? `namespaces/${namespace}/` : ''}${plural}`;
}

/** Asks the API server what it thinks of objects, without keeping them (dry run). */
export class Judge {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #requests: ApiRequests;

  constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#requests = new ApiRequests(cluster);
  }

  /** What is refused of a new object with this spec; nothing when it is accepted. */
  async create(kind: KindName, spec: unknown): Promise<Cause[]> {
    return this.#ask('POST', pathOf(kind, this.#namespace), newObject(kind, spec));
  }

  /** What is refused of a change: the object is made for it as it was before, and removed after. */
  async change(kind: KindName, before: unknown, spec: unknown): Promise<Cause[]> {
    const all = pathOf(kind, this.#namespace);
    const made = await this.#cluster.request<KubernetesObject>('POST', all, newObject(kind, before));
    const path = `${all}/${made.metadata.name}`;
    try {
      return await this.#ask('PUT', path, { ...made, spec });
    } finally {
      await this.#cluster.request('DELETE', path);
    }
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#requests.close();
  }

  async #ask(method: 'POST' | 'PUT', path: string, object: object): Promise<Cause[]> {
    const { status, body } = await this.#requests.send(method, `${path}?dryRun=All`, { body: object });
    if (status < 300) return [];
    const causes = (body as { details?: { causes?: Cause[] } }).details?.causes ?? [];
    if (status !== 422 || causes.length === 0)
      throw new Error(`${method} ${path} was answered with ${status}: ${JSON.stringify(body)}`);
    return causes.filter(({ message }) => !message.includes(notAllChecked));
  }
}

function newObject(kind: KindName, spec: unknown) {
  return { apiVersion, kind, metadata: { generateName: 'golden-' }, spec };
}
