/** What a test does to a cluster as its administrator, whether we started that cluster or not. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import { Agent, request } from 'undici';
import { findBinary } from './binaries.ts';
import { waitFor } from './wait.ts';

/** Where a cluster is and how its administrator signs in: plain data, so that it can be sent to a worker. */
export interface ClusterHandle {
  url: string;
  /** The certificate authority as PEM text, and the file that has it. */
  ca: string;
  caFile: string;
  /** An admin kubeconfig, readable by this user only. */
  kubeconfigPath: string;
  /** The administrator's token. Empty where an existing cluster's administrator signs in by other means. */
  adminToken: string;
  clientCertificate?: { cert: string; key: string };
  /** JSON lines of the audit log. Unset unless it was asked for; an existing cluster has none for us. */
  auditLogPath?: string;
  /** A temporary folder of this run, removed at its end. */
  folder: string;
  /** The value of the label that every namespace made in this run bears. */
  run: string;
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; [field: string]: unknown };
  [field: string]: unknown;
}

/** One finished request, as audit.k8s.io/v1 tells it at level Metadata. */
export interface AuditEvent {
  verb: string;
  requestURI: string;
  user: { username: string };
  userAgent?: string;
  objectRef?: {
    apiGroup?: string;
    resource: string;
    subresource?: string;
    namespace?: string;
    name?: string;
  };
  responseStatus?: { code: number };
  stageTimestamp: string;
}

/** An answer of the API server with a status of 400 or more. */
export class ApiError extends Error {
  readonly status: number;
  /** The reason in the server's Status object, such as "AlreadyExists"; empty if it sent none. */
  readonly reason: string;

  constructor(method: string, path: string, status: number, text: string) {
    const sent = parseStatus(text);
    super(`${method} ${path} was answered with ${status}: ${sent.message ?? text.slice(0, 500)}`);
    this.name = 'ApiError';
    this.status = status;
    this.reason = sent.reason ?? '';
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Sends a request and gives the parsed JSON of the answer; throws ApiError for a status of 400 or more. */
export type SendRequest = <T = KubernetesObject>(
  method: Method,
  path: string,
  body?: unknown,
  contentType?: string,
) => Promise<T>;

export const runLabel = 'keyframe.dev/test-run';
const fieldManager = 'keyframe-test';
const crdFolder = fileURLToPath(new URL('../../crds/', import.meta.url));

export class Cluster {
  readonly handle: ClusterHandle;
  readonly url: string;
  readonly ca: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly kubeconfigPath: string;
  readonly auditLogPath: string | undefined;
  readonly #agent: Agent;
  readonly #discovered = new Map<string, { name: string; namespaced: boolean }>();

  constructor(handle: ClusterHandle) {
    this.handle = handle;
    this.url = handle.url;
    this.ca = handle.ca;
    this.caFile = handle.caFile;
    this.adminToken = handle.adminToken;
    this.kubeconfigPath = handle.kubeconfigPath;
    this.auditLogPath = handle.auditLogPath;
    this.#agent = new Agent({
      connect: { ca: handle.ca, timeout: 5_000, ...handle.clientCertificate },
      headersTimeout: 60_000,
      bodyTimeout: 60_000,
      maxResponseSize: 256 * 2 ** 20,
    });
  }

  /** The same requests with another bearer token, such as a ServiceAccount's, and no client certificate. */
  requestAs(token: string): SendRequest {
    const { clientCertificate: _, ...rest } = this.handle;
    return new Cluster({ ...rest, adminToken: token }).request;
  }

  /**
   * A request as administrator, such as `request('GET', '/api/v1/namespaces/default/configmaps')`. The content
   * type is JSON, for PATCH application/merge-patch+json, unless given. An answer that is not JSON is given as text.
   */
  readonly request: SendRequest = async <T>(
    method: Method,
    path: string,
    body?: unknown,
    contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
  ) => {
    const token = this.adminToken;
    const answer = await request(`${this.url}${path}`, {
      dispatcher: this.#agent,
      method,
      headers: {
        accept: 'application/json',
        'content-type': contentType,
        'user-agent': 'keyframe-test',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 400) throw new ApiError(method, path, answer.statusCode, text);
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return (isJson ? JSON.parse(text) : text) as T;
  };

  /** Makes a namespace named `<prefix>-<random>` and gives its name. Every test should use one of its own. */
  async createNamespace(prefix: string): Promise<string> {
    const name = `${prefix}-${randomBytes(4).toString('hex')}`;
    const labels = { [runLabel]: this.handle.run };
    await this.request('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels },
    });
    return name;
  }

  /** A token of an existing ServiceAccount by TokenRequest; the API server takes 600 seconds and more. */
  async serviceAccountToken(
    namespace: string,
    name: string,
    { expirationSeconds = 3600 }: { expirationSeconds?: number } = {},
  ): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const answer = await this.request<{ status: { token: string } }>('POST', path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds },
    });
    return answer.status.token;
  }

  /** Writes a kubeconfig (mode 0600) by which a program reaches this cluster with a bearer token. */
  async writeKubeconfig({
    token,
    namespace,
    path,
  }: {
    token: string;
    namespace?: string;
    path: string;
  }): Promise<void> {
    await writeFile(path, kubeconfig(this.url, this.ca, token, namespace), { mode: 0o600 });
  }

  /**
   * Server-side apply, forced, of manifests given as objects or as YAML text of any number of documents, in
   * their order but CustomResourceDefinitions first, whose being established is waited for. Gives what the
   * server answers. Objects without a namespace go to "default".
   */
  async apply(manifests: string | KubernetesObject | KubernetesObject[]): Promise<KubernetesObject[]> {
    const objects =
      typeof manifests === 'string'
        ? (loadAll(manifests) as (KubernetesObject | null)[])
        : [manifests].flat();
    const present = objects.filter((object) => object !== null);
    const isDefinition = (object: KubernetesObject) => object.kind === 'CustomResourceDefinition';
    const definitions = await Promise.all(
      present.filter(isDefinition).map((object) => this.#applyOne(object)),
    );
    for (const { metadata } of definitions) {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`;
      await waitFor(`CustomResourceDefinition ${metadata.name} to be established`, async () => {
        const { status } = await this.request<{
          status?: { conditions?: { type: string; status: string }[] };
        }>('GET', path);
        return status?.conditions?.find(({ type, status }) => type === 'Established' && status === 'True');
      });
    }
    const others: KubernetesObject[] = [];
    for (const object of present) if (!isDefinition(object)) others.push(await this.#applyOne(object));
    return [...definitions, ...others];
  }

  async #applyOne(object: KubernetesObject): Promise<KubernetesObject> {
    const { apiVersion, kind, metadata } = object;
    const { name, namespaced } = await this.#discover(apiVersion, kind);
    const scope = namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : '';
    const path = `${groupPath(apiVersion)}${scope}/${name}/${metadata.name}?fieldManager=${fieldManager}&force=true`;
    return this.request('PATCH', path, object, 'application/apply-patch+yaml');
  }

  /** The resource name of a kind. A kind just defined takes a moment to show in discovery, hence the wait. */
  async #discover(apiVersion: string, kind: string): Promise<{ name: string; namespaced: boolean }> {
    const known = this.#discovered.get(`${apiVersion}/${kind}`);
    if (known) return known;
    type Resources = { resources: { kind: string; name: string; namespaced: boolean }[] };
    const resource = await waitFor(
      `${kind} of ${apiVersion} to be served; is its CustomResourceDefinition applied?`,
      async () => {
        const { resources } = await this.request<Resources>('GET', groupPath(apiVersion));
        return resources.find((one) => one.kind === kind && !one.name.includes('/'));
      },
      { deadline: 10_000 },
    );
    this.#discovered.set(`${apiVersion}/${kind}`, resource);
    return resource;
  }

  /** Applies the project's crds/*.yaml. Gives the names of the definitions; none if the folder is not there. */
  async applyCustomResourceDefinitions(): Promise<string[]> {
    const files = (await readdir(crdFolder).catch(() => [])).filter((file) => file.endsWith('.yaml')).sort();
    const texts = await Promise.all(files.map((file) => readFile(join(crdFolder, file), 'utf8')));
    return (await this.apply(texts.join('\n---\n'))).map(({ metadata }) => metadata.name);
  }

  /** Runs kubectl as administrator, or with another kubeconfig. A non-zero exit code is given, not thrown. */
  async kubectl(
    args: string[],
    { input, kubeconfig = this.kubeconfigPath }: { input?: string; kubeconfig?: string } = {},
  ): Promise<{ stdout: string; stderr: string; code: number }> {
    const command = await findBinary('kubectl');
    // A discovery cache of its own: the user's is by host and port, and ports come back with other kinds.
    const env = {
      ...process.env,
      KUBECONFIG: kubeconfig,
      KUBECACHEDIR: join(this.handle.folder, 'kubectl-cache'),
    };
    return new Promise((resolve, reject) => {
      const options = { env, maxBuffer: 64 * 2 ** 20, timeout: 120_000 };
      const child = execFile(command, args, options, (error, stdout, stderr) => {
        const code = error ? error.code : 0;
        if (typeof code === 'number') resolve({ stdout, stderr, code });
        else reject(new Error(`kubectl ${args.join(' ')}: ${error?.message}`, { cause: error }));
      });
      child.stdin?.on('error', () => {}); // kubectl need not read it
      child.stdin?.end(input ?? '');
    });
  }

  /**
   * The finished requests in the audit log that a filter lets through, oldest first; watches are in it once they
   * end. Requests that were answered before the call are seen. Throws where there is no audit log.
   */
  async auditEvents(filter: (event: AuditEvent) => boolean): Promise<AuditEvent[]> {
    const path = this.auditLogPath;
    if (path === undefined)
      throw new Error('no audit log here: start a control plane with {own: true, auditLog: true}');
    // The server writes a request's line just after its answer, so wait for the line of one of our own.
    const mark = `/version?mark=${randomUUID()}`;
    await this.request('GET', mark);
    return waitFor('the audit log to be written', async () => {
      const events: AuditEvent[] = [];
      for await (const line of createInterface({ input: createReadStream(path) })) {
        if (line.includes(mark)) return events;
        const event = JSON.parse(line) as AuditEvent;
        if (filter(event)) events.push(event);
      }
      return undefined;
    });
  }

  /** Closes the connections. */
  async disconnect(): Promise<void> {
    await this.#agent.destroy();
  }
}

const groupPath = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

function parseStatus(text: string): { message?: string; reason?: string } {
  try {
    return JSON.parse(text) as { message?: string; reason?: string };
  } catch {
    return {};
  }
}

/** The text of a kubeconfig with one cluster, one user and one context, in the JSON that YAML contains. */
export function kubeconfig(url: string, ca: string, token: string, namespace = 'default'): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'keyframe',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: 'keyframe', user: { token } }],
    contexts: [{ name: 'keyframe', context: { cluster: 'keyframe', user: 'keyframe', namespace } }],
    'current-context': 'keyframe',
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
