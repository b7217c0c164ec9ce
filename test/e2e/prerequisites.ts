/** What a machine must have to be a node for a while. */
import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { isolated, run } from './isolated.ts';

/** What was found of it. */
export interface Facts {
  platform: string;
  uid: number | undefined;
  /** The programs of `programs` that are on the PATH. */
  installed: string[];
  /** The folder with CNI's plugins; undefined: there is none. */
  cniPlugins: string | undefined;
  /** Why namespaces, cgroups or a bridge cannot be made here; undefined: they can. Asked only where it makes sense. */
  refusal: string | undefined;
}

/** Programs that must be installed, and Debian's package for each. */
export const programs: Record<string, string> = {
  containerd: 'containerd',
  ctr: 'containerd',
  'containerd-shim-runc-v2': 'containerd',
  runc: 'runc',
  buildah: 'buildah',
  ip: 'iproute2',
  unshare: 'util-linux',
  setpriv: 'util-linux',
};

/** Debian's place, and that of CNI's own releases. */
const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin'];
const plugins = ['bridge', 'host-local', 'loopback'];

/** Says in a sentence each what is missing; nothing when all is there. */
export function missing({ platform, uid, installed, cniPlugins, refusal }: Facts): string[] {
  if (platform !== 'linux') return [`Linux is needed, this is ${platform}`];
  const lines: string[] = [];
  if (uid !== 0) lines.push('root is needed, for namespaces, mounts and cgroups');
  const packages = new Set<string>();
  for (const [name, debian] of Object.entries(programs)) {
    if (installed.includes(name)) continue;
    lines.push(`${name} is not installed`);
    packages.add(debian);
  }
  if (cniPlugins === undefined) {
    lines.push(`CNI's plugins ${plugins.join(', ')} are neither in ${pluginFolders.join(' nor in ')}`);
    packages.add('containernetworking-plugins');
  }
  if (packages.size > 0)
    lines.push(`on Debian: apt-get install --no-install-recommends ${[...packages].join(' ')}`);
  if (refusal !== undefined) lines.push(`the kernel or the container around this refuses: ${refusal}`);
  return lines;
}

/** Looks what this machine has. */
export async function look(): Promise<Facts> {
  const installed: string[] = [];
  for (const name of Object.keys(programs)) if (await isOnPath(name)) installed.push(name);
  let cniPlugins: string | undefined;
  for (const folder of pluginFolders) {
    const all = await Promise.all(plugins.map((name) => isExecutable(join(folder, name))));
    if (!all.includes(false)) cniPlugins ??= folder;
  }
  const facts = { platform: process.platform, uid: process.getuid?.(), installed, cniPlugins };
  const canTry = facts.uid === 0 && ['ip', 'unshare', 'setpriv'].every((name) => installed.includes(name));
  return { ...facts, refusal: canTry ? await refusalOf() : undefined };
}

/** Tries what a node does, in namespaces that go at once. */
async function refusalOf(): Promise<string | undefined> {
  const steps = [
    'mount -t tmpfs tmpfs /run',
    'ip link set lo up',
    'ip link add keyframe-trial type bridge',
    'ip link add keyframe-a type veth peer name keyframe-b',
    'test -c /dev/kmsg || { echo "there is no /dev/kmsg" >&2; false; }',
    'for each in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/memory/cgroup.procs; do test -w "$each" && exit 0; done',
    'echo "no cgroups that can be written to are mounted at /sys/fs/cgroup" >&2; exit 1',
  ];
  const command = isolated(['sh', '-ec', steps.join('\n')], ['net']);
  return run(command, { minutes: 1 }).then(
    () => undefined,
    (error: Error) => error.message.split('\n').at(-1),
  );
}

/** Whether a program is on the PATH. */
export async function isOnPath(name: string): Promise<boolean> {
  const folders = (process.env.PATH ?? '').split(':').filter((folder) => folder !== '');
  const found = await Promise.all(folders.map((folder) => isExecutable(join(folder, name))));
  return found.includes(true);
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
