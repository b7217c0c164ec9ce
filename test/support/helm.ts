import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import { findBinary } from '../controlplane/binaries.ts';
import type { KubernetesObject } from '../controlplane/cluster.ts';

export const chartFolder = fileURLToPath(new URL('../../charts/keyframe/', import.meta.url));

/** What a run of helm came to. */
export interface HelmResult {
  stdout: string;
  stderr: string;
  code: number;
}

/** Runs helm; a non-zero exit code is given, not thrown. Values go in by `input`, with `--values -`. */
export async function helm(
  args: string[],
  { input = '', kubeconfig = '/dev/null' }: { input?: string; kubeconfig?: string } = {},
): Promise<HelmResult> {
  const command = await findBinary('helm');
  const home = join(tmpdir(), 'keyframe-helm');
  // Nothing of the user's: no repositories, no plugins, no current context.
  const env = {
    ...process.env,
    KUBECONFIG: kubeconfig,
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    // The user's cache of what a server has is by host and port, and ports come back with other kinds.
    KUBECACHEDIR: join(kubeconfig === '/dev/null' ? home : dirname(kubeconfig), 'helm-discovery'),
  };
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env, maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      if (typeof code === 'number') resolve({ stdout, stderr, code });
      else reject(new Error(`helm ${args.join(' ')}: ${error?.message}`, { cause: error }));
    });
    child.stdin?.on('error', () => {}); // helm need not read it
    child.stdin?.end(input);
  });
}

/** What the chart gives for values, without a cluster: as text, and the first lines of why not. */
export async function template(
  values: object,
  { release = 'keyframe', namespace = 'keyframe-system' }: { release?: string; namespace?: string } = {},
): Promise<HelmResult> {
  // The oldest release that the chart takes.
  const args = ['template', release, chartFolder, '-n', namespace, '--kube-version=1.30', '--values=-'];
  return helm(args, { input: JSON.stringify(values) });
}

/** The objects that the chart makes of values. Throws with helm's words when it makes none. */
export async function render(
  values: object,
  release?: { release?: string; namespace?: string },
): Promise<KubernetesObject[]> {
  const { stdout, stderr, code } = await template(values, release);
  if (code !== 0) throw new Error(stderr);
  return (loadAll(stdout) as (KubernetesObject | null)[]).filter((object) => object !== null);
}
