/**
 * A real node, inside the namespaces of a run: containerd and kubelet, a bridge that Pods are plugged into, and
 * kube-scheduler beside them. All of it ends with the namespaces.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { findBinary } from '../controlplane/binaries.ts';
import type { Cluster, KubernetesObject } from '../controlplane/cluster.ts';
import { type Running, Supervisor } from '../controlplane/supervisor.ts';
import { waitFor } from '../controlplane/wait.ts';
import { pauseImage } from './images.ts';
import { run } from './isolated.ts';
import { cniState, type Place } from './place.ts';

/** The node's address on the bridge: where Pods reach what runs beside them. */
export const nodeAddress = '10.244.0.1';
const podNetwork = '10.244.0.0/24';
const bridge = 'keyframe0';
const socket = '/run/containerd/containerd.sock';

/** A Pod, as far as tests look into it. */
export interface Pod extends KubernetesObject {
  metadata: KubernetesObject['metadata'] & { uid: string; deletionTimestamp?: string };
  spec: { containers: { image: string }[] };
  status: {
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { restartCount: number; imageID: string }[];
  };
}

/** Gives the namespaces a loopback, the bridge, and folders of their own where programs have theirs by name. */
export async function prepareNamespaces(): Promise<void> {
  const ip = (...args: string[]) => run(['ip', ...args], { minutes: 1 });
  await ip('link', 'set', 'lo', 'up');
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('addr', 'add', `${nodeAddress}/24`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  for (const path of ['/run', '/var/log', cniState])
    await run(['mount', '-t', 'tmpfs', 'tmpfs', path], { minutes: 1 });
}

export class WorkerNode {
  readonly #cluster: Cluster;
  readonly #place: Place;
  readonly #supervisor: Supervisor;

  private constructor(cluster: Cluster, place: Place, supervisor: Supervisor) {
    this.#cluster = cluster;
    this.#place = place;
    this.#supervisor = supervisor;
  }

  /** Starts everything, with the images of the run; resolves once the node is Ready. */
  static async start(cluster: Cluster, place: Place): Promise<WorkerNode> {
    const node = new WorkerNode(cluster, place, await Supervisor.begin());
    await node.#serveApi();
    await node.#startContainerd();
    for (const archive of place.archives)
      await run(['ctr', '--namespace=k8s.io', 'images', 'import', archive], { minutes: 10 });
    await node.#startKubelet();
    return node;
  }

  /** The Pods of a namespace that are not on their way out. */
  async pods(namespace: string): Promise<Pod[]> {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const { items } = await this.#cluster.request<{ items: Pod[] }>('GET', path);
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** What the containers of a namespace wrote, by Pod, those of Pods that are gone among them. */
  async logs(namespace: string): Promise<Record<string, string>> {
    const logs: Record<string, string> = {};
    const root = this.#file('logs');
    for (const folder of await readdir(root).catch(() => [])) {
      const [of, pod = ''] = folder.split('_');
      if (of !== namespace) continue;
      const files = (await readdir(join(root, folder), { recursive: true })).filter((name) =>
        name.endsWith('.log'),
      );
      const texts = await Promise.all(files.map((name) => readFile(join(root, folder, name), 'utf8')));
      // <time> stdout F <what it wrote>
      logs[pod] = texts.join('').replaceAll(/^\S+ std(?:out|err) [FP] /gm, '');
    }
    return logs;
  }

  /** The process ids of the operators that run in Pods. */
  async operatorProcesses(): Promise<number[]> {
    const pids: number[] = [];
    for (const name of await readdir('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
      if (command.startsWith('/nodejs/bin/node\0') && command.includes('\0/app/dist/main.js\0'))
        pids.push(Number(name));
    }
    return pids;
  }

  /** What node, Pods and servers say, for the person who looks for the cause of a failure. */
  async report(namespace: string): Promise<string> {
    const sections: string[] = [];
    for (const args of [
      ['get', 'pods,deployments,leases', '-o', 'wide', '-n', namespace],
      ['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp'],
    ]) {
      const { stdout, stderr } = await this.#cluster.kubectl(args);
      sections.push(`kubectl ${args.join(' ')}:\n${stdout}${stderr}`);
    }
    for (const [pod, text] of Object.entries(await this.logs(namespace)))
      sections.push(`${pod}:\n${text.trimEnd().split('\n').slice(-15).join('\n')}`);
    for (const name of ['kubelet', 'containerd'])
      sections.push(`${name}:\n${await this.#supervisor.logTail(name)}`);
    return sections.join('\n\n');
  }

  #file(name: string): string {
    return join(this.#place.folder, name);
  }

  /** Stands in for kube-proxy: the API server under the address of its Service, which Pods are told. */
  async #serveApi(): Promise<void> {
    const path = '/api/v1/namespaces/default/services/kubernetes';
    const { spec } = await waitFor('the Service kubernetes', () =>
      this.#cluster.request<{ spec: { clusterIP: string; ports: [{ port: number }] } }>('GET', path),
    );
    await run(['ip', 'addr', 'add', `${spec.clusterIP}/32`, 'dev', 'lo'], { minutes: 1 });
    const { hostname, port } = new URL(this.#cluster.url);
    const server = createServer((client) => {
      const upstream = connect(Number(port), hostname);
      client.pipe(upstream).pipe(client);
      client.once('error', () => upstream.destroy());
      upstream.once('error', () => client.destroy());
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(spec.ports[0].port, spec.clusterIP, resolve);
    await promise;
    server.unref();
  }

  async #startContainerd(): Promise<void> {
    const network = {
      cniVersion: '0.4.0',
      name: 'keyframe',
      plugins: [
        {
          type: 'bridge',
          bridge,
          isGateway: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: podNetwork }]],
            routes: [{ dst: '0.0.0.0/0' }],
            dataDir: this.#file('addresses'),
          },
        },
      ],
    };
    await mkdir(this.#file('cni'));
    await writeFile(this.#file('cni/keyframe.conflist'), JSON.stringify(network));
    const config = `version = 2
root = ${JSON.stringify(this.#file('containerd'))}
[grpc]
  address = ${JSON.stringify(socket)}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${JSON.stringify(pauseImage)}
  # Without it, Pods want a better score than a container around this may have.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = ${JSON.stringify(this.#place.cniPlugins)}
  conf_dir = ${JSON.stringify(this.#file('cni'))}
`;
    await writeFile(this.#file('containerd.toml'), config);
    const running = this.#supervisor.start('containerd', 'containerd', [
      `--config=${this.#file('containerd.toml')}`,
    ]);
    await this.#works('containerd', running, () => run(['ctr', 'version'], { minutes: 1 }));
  }

  async #startKubelet(): Promise<void> {
    const config = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: nodeAddress,
      // Nobody outside these namespaces reaches it.
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      healthzPort: 0,
      containerRuntimeEndpoint: `unix://${socket}`,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${this.#place.cgroup}`,
      failCgroupV1: false,
      failSwapOn: false,
      podLogsDir: this.#file('logs'),
      // No name has to be resolved, and the disk is not ours to judge.
      resolvConf: '',
      evictionHard: { 'memory.available': '100Mi' },
      imageGCHighThresholdPercent: 100,
    };
    await writeFile(this.#file('kubelet.json'), JSON.stringify(config));
    const kubeconfig = `--kubeconfig=${this.#cluster.kubeconfigPath}`;
    this.#supervisor.start('kube-scheduler', await findBinary('kube-scheduler'), [
      kubeconfig,
      '--leader-elect=false',
      '--secure-port=0',
    ]);
    const running = this.#supervisor.start('kubelet', await findBinary('kubelet'), [
      kubeconfig,
      `--config=${this.#file('kubelet.json')}`,
      `--root-dir=${this.#file('kubelet')}`,
      `--cert-dir=${this.#file('kubelet-certificates')}`,
      `--node-ip=${nodeAddress}`,
      '--hostname-override=node',
    ]);
    await this.#works('kubelet', running, async () => {
      const { status } = await this.#cluster.request<{
        status: { conditions: { type: string; status: string }[] };
      }>('GET', '/api/v1/nodes/node');
      const ready = status.conditions.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') throw new Error(JSON.stringify(ready));
    });
  }

  /** Waits for a fact about a server; gives up at once, with the server's last words, when it ends. */
  async #works(name: string, running: Running, fact: () => Promise<unknown>): Promise<void> {
    const outcome = await waitFor(
      `${name} to work`,
      async () => running.ended ?? (await fact().then(() => 'works')),
      { deadline: 120_000, interval: 200 },
    ).catch((error: Error) => `${error.message} (${String(error.cause)})`);
    if (outcome !== 'works')
      throw new Error(`${name} ${outcome}. Its last words:\n${await this.#supervisor.logTail(name, 30)}`);
  }
}
