/**
 * A real control plane for tests and the demo: etcd and kube-apiserver with RBAC, in a temporary folder, on
 * the loopback, gone with the process that started it. Or, with KEYFRAME_TEST_CONTEXT, an existing cluster.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { access, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { findBinary } from './binaries.ts';
import { Cluster, type ClusterHandle, kubeconfig } from './cluster.ts';
import { openExistingCluster } from './existing-cluster.ts';
import { type Running, Supervisor } from './supervisor.ts';
import { waitFor } from './wait.ts';

export interface ControlPlaneOptions {
  /** Write an audit log at level Metadata, for `auditEvents()`. Ignored with an existing cluster. */
  auditLog?: boolean;
  /** Run kube-controller-manager too: garbage collection, namespaces that go away, Deployments that make Pods. */
  controllerManager?: boolean;
  /** Start one even if KEYFRAME_TEST_CONTEXT names a cluster: for tests that stop it or read its audit log. */
  own?: boolean;
}

/** A cluster that this process may stop. */
export class ControlPlane extends Cluster {
  readonly #end: () => Promise<void>;
  readonly #server: ApiServer | undefined;

  /** Made by startControlPlane() only. */
  constructor(handle: ClusterHandle, end: () => Promise<void>, server?: ApiServer) {
    super(handle);
    this.#end = end;
    this.#server = server;
  }

  /** Ends everything that was started and removes its data. In an existing cluster: deletes our namespaces. */
  async stop(): Promise<void> {
    await this.#end();
    await this.disconnect();
  }

  /** Kills kube-apiserver; etcd goes on. Refused for an existing cluster. */
  async stopApiServer(): Promise<void> {
    await this.#own('stopped').stop();
  }

  /** Kills kube-apiserver if it runs, and starts it on the same port with the same data. Resolves once it is ready. */
  async restartApiServer(): Promise<void> {
    const server = this.#own('restarted');
    await server.stop();
    await server.start();
  }

  /**
   * Writes an object of a CustomResourceDefinition into etcd as it is, UID, creation time and status included: as an
   * API server stored it once, whatever this one would say of it. Refused for an existing cluster.
   *
   * @param plural the resource, such as `vmsnapshots`
   */
  async storeAsIs(
    plural: string,
    object: { apiVersion: string; metadata: { namespace?: string; name: string } },
  ): Promise<void> {
    this.#own('written to past its API server');
    const [group] = object.apiVersion.split('/');
    const { namespace, name } = object.metadata;
    const key = ['/registry', group, plural, namespace, name].filter((part) => part !== undefined).join('/');
    const encode = (text: string) => Buffer.from(text).toString('base64');
    const socketPath = join(this.handle.folder, etcdSocket);
    const dispatcher = new Agent({ connect: { socketPath } });
    try {
      const { statusCode, body } = await request(`http://${etcdSocket}/v3/kv/put`, {
        dispatcher,
        method: 'POST',
        body: JSON.stringify({ key: encode(key), value: encode(JSON.stringify(object)) }),
      });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`etcd did not take ${key}: ${statusCode} ${text}`);
    } finally {
      await dispatcher.destroy();
    }
  }

  #own(what: string): ApiServer {
    if (this.#server) return this.#server;
    throw new Error(`an existing cluster is not ${what}: start a control plane with {own: true}`);
  }
}

/**
 * Starts a control plane and resolves once it is ready, in 3 to 5 seconds when the programs are there; their
 * first build takes minutes. With KEYFRAME_TEST_CONTEXT set and without `own`, it gives the cluster of that kube
 * context instead and starts no server.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const context = process.env.KEYFRAME_TEST_CONTEXT;
  if (!context || options.own) return startOwn(options);
  const { handle, end } = await openExistingCluster(context);
  return new ControlPlane(handle, end);
}

async function startOwn(options: ControlPlaneOptions): Promise<ControlPlane> {
  const etcd = await findBinary('etcd');
  const kubeApiServer = await findBinary('kube-apiserver');
  const controllerManager = options.controllerManager
    ? await findBinary('kube-controller-manager')
    : undefined;
  const supervisor = await Supervisor.begin();
  try {
    const file = (name: string) => join(supervisor.folder, name);
    const adminToken = randomBytes(24).toString('base64url');
    // The last column is the groups.
    await writeFile(file('tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`, { mode: 0o600 });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(file('service-account.key'), privateKey.export({ type: 'sec1', format: 'pem' }), {
      mode: 0o600,
    });
    if (options.auditLog) await writeFile(file('audit-policy.json'), JSON.stringify(auditPolicy));

    const database = supervisor.start('etcd', etcd, etcdArgs(file));
    // Its listening socket is a file; until then kube-apiserver would fall into a retry of a second.
    await alive(supervisor, 'etcd', database, () => access(file(etcdSocket)).then(() => true));

    const args = apiServerArgs(file, options.auditLog === true);
    const server = new ApiServer(supervisor, kubeApiServer, args, adminToken);
    await server.start();

    const ca = await readFile(server.caFile, 'utf8');
    const kubeconfigPath = file('admin.kubeconfig');
    await writeFile(kubeconfigPath, kubeconfig(server.url, ca, adminToken), { mode: 0o600 });
    const handle: ClusterHandle = {
      url: server.url,
      ca,
      caFile: server.caFile,
      kubeconfigPath,
      adminToken,
      folder: supervisor.folder,
      run: randomBytes(4).toString('hex'),
      ...(options.auditLog ? { auditLogPath: file('audit.log') } : {}),
    };
    const controlPlane = new ControlPlane(handle, () => supervisor.close(), server);
    if (controllerManager !== undefined) {
      const running = supervisor.start('kube-controller-manager', controllerManager, managerArgs(file));
      // It has no endpoint of its own here; that a default ServiceAccount appears shows it at work.
      const path = '/api/v1/namespaces/default/serviceaccounts/default';
      await alive(supervisor, 'kube-controller-manager', running, () => controlPlane.request('GET', path));
    }
    return controlPlane;
  } catch (error) {
    await supervisor.close();
    throw error;
  }
}

/** The kube-apiserver of one control plane: keeps its port, once found, over restarts. */
class ApiServer {
  readonly caFile: string;
  #port = 0;
  readonly #supervisor: Supervisor;
  readonly #command: string;
  readonly #args: string[];
  readonly #token: string;

  constructor(supervisor: Supervisor, command: string, args: string[], token: string) {
    this.#supervisor = supervisor;
    this.#command = command;
    this.#args = args;
    this.#token = token;
    this.caFile = join(supervisor.folder, 'certificates', 'apiserver.crt');
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const fixed = this.#port !== 0;
    for (let attempt = 1; ; attempt++) {
      if (!fixed) this.#port = await freePort();
      const running = this.#supervisor.start('kube-apiserver', this.#command, [
        ...this.#args,
        `--secure-port=${this.#port}`,
      ]);
      try {
        await alive(this.#supervisor, 'kube-apiserver', running, () => this.#isReady());
        return;
      } catch (error) {
        await this.stop();
        // Somebody took the port between our look and the server's.
        if (fixed || attempt === 5 || !String(error).includes('address already in use')) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    await this.#supervisor.kill('kube-apiserver');
  }

  async #isReady(): Promise<true> {
    // The server writes its certificate first, then the key: with the key there, the certificate is whole.
    await access(this.caFile.replace(/crt$/, 'key'));
    const ca = await readFile(this.caFile, 'utf8');
    const folder = this.#supervisor.folder;
    const handle = {
      url: this.url,
      ca,
      caFile: this.caFile,
      adminToken: this.#token,
      kubeconfigPath: '',
      folder,
      run: '',
    };
    const probe = new Cluster(handle);
    try {
      await probe.request('GET', '/readyz');
      return true;
    } finally {
      await probe.disconnect();
    }
  }
}

/** Waits for a fact about a server; gives up at once, with the server's last words, when the server ends. */
async function alive(
  supervisor: Supervisor,
  name: string,
  running: Running,
  fact: () => Promise<unknown>,
): Promise<void> {
  const ready = waitFor(`${name} to be ready`, async () => running.ended ?? (await fact()), {
    deadline: 90_000,
  });
  const failure = await ready.then(
    () => running.ended,
    (error: Error) => `is not ready: ${error.message} (${String(error.cause)})`,
  );
  if (failure !== undefined)
    throw new Error(`${name} ${failure}. Its last words:\n${await supervisor.logTail(name)}`);
}

// A Unix socket in the working folder that etcd and kube-apiserver share: no port to race for, and nobody else
// on this machine can reach an etcd that asks for no password. The URL has to look like host:port.
const etcdSocket = 'localhost:2379';

function etcdArgs(file: (name: string) => string): string[] {
  return [
    `--data-dir=${file('etcd')}`,
    '--unsafe-no-fsync',
    `--listen-client-urls=unix://${etcdSocket}`,
    `--advertise-client-urls=http://${etcdSocket}`,
    '--listen-peer-urls=unix://localhost:2380',
    '--quota-backend-bytes=8589934592',
    '--log-level=warn',
  ];
}

function apiServerArgs(file: (name: string) => string, auditLog: boolean): string[] {
  return [
    `--etcd-servers=unix://${etcdSocket}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    // The loopback is refused as an endpoint of the "kubernetes" Service, which nothing here uses.
    '--endpoint-reconciler-type=none',
    `--cert-dir=${file('certificates')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('service-account.key')}`,
    `--service-account-signing-key-file=${file('service-account.key')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    ...(auditLog
      ? [
          `--audit-policy-file=${file('audit-policy.json')}`,
          `--audit-log-path=${file('audit.log')}`,
          '--audit-log-maxsize=65536',
        ]
      : []),
  ];
}

function managerArgs(file: (name: string) => string): string[] {
  return [
    `--kubeconfig=${file('admin.kubeconfig')}`,
    `--root-ca-file=${file('certificates/apiserver.crt')}`,
    `--service-account-private-key-file=${file('service-account.key')}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    '--secure-port=0',
  ];
}

const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  // Each request once, when it ends.
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [{ level: 'None', users: ['system:apiserver'] }, { level: 'Metadata' }],
};

/** A port that nobody listens on, below those that systems give to outgoing connections: it stays free over a restart. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port found on 127.0.0.1 between 20000 and 30000 in 50 attempts');
}
