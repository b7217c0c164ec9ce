import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Cluster } from '../../controlplane/cluster.ts';
import { compileCache } from '../../support/operator-process.ts';

const main = join(import.meta.dirname, '../../../src/cli/main.ts');

/** What a run of the plugin came to. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** The plugin as a person runs it, with a kubeconfig and without a terminal. */
export class Plugin {
  readonly #kubeconfig: string;
  readonly #namespace: string;

  constructor(kubeconfig: string, namespace: string) {
    this.#kubeconfig = kubeconfig;
    this.#namespace = namespace;
  }

  /** Runs it to its end. `-n` names the namespace of this one unless the arguments do. */
  async run(...args: string[]): Promise<Ended> {
    const { ended } = this.start(...args);
    return ended;
  }

  /** Starts it; `stop` is Ctrl-C. */
  start(...args: string[]): { ended: Promise<Ended>; stop: () => void; said: () => string } {
    const named = args.some((arg) => ['-n', '-A'].includes(arg) || arg.startsWith('--namespace'));
    const hasNamespace = !['version', 'completion', 'help'].includes(args[0] ?? '');
    const all = [...args, ...(named || !hasNamespace ? [] : ['-n', this.#namespace])];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...all], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: compileCache,
        KUBECONFIG: this.#kubeconfig,
        LANG: 'C.UTF-8',
      },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) =>
        code === null
          ? reject(new Error(`kubectl-keyframe ${args.join(' ')} was ended by ${signal}\n${stderr}`))
          : resolve({ code, stdout, stderr }),
      );
    });
    return { ended, stop: () => void child.kill('SIGINT'), said: () => stdout };
  }
}

/**
 * A ServiceAccount with ClusterRoles in the namespace. Those of config/rbac are bound by themselves: what becomes part
 * of view and edit is for a controller manager to put there.
 */
export async function person(cluster: Cluster, namespace: string, ...roles: string[]): Promise<Plugin> {
  const name = ['person', ...roles].join('-');
  await cluster.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } });
  for (const role of roles)
    await cluster.apply({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: `${name}-${role}`, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
  const path = join(cluster.handle.folder, `${name}.kubeconfig`);
  const token = await cluster.serviceAccountToken(namespace, name);
  await cluster.writeKubeconfig({ token, namespace, path });
  return new Plugin(path, namespace);
}
