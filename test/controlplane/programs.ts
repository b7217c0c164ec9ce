/**
 * Which programs a control plane is made of, which versions, and where each may come from. Pure: what
 * touches the disk or the network is in binaries.ts.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

export type ProgramName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubelet'
  | 'kubectl'
  | 'helm'
  | 'gitops-reader'
  | 'promtool';

/** A Go module of this project from which programs are built; a change to it has only those built anew. */
export type ToolsName = 'controlplane' | 'gitops' | 'prometheus';

export const toolsModules: Record<ToolsName, { folder: string; firstBuild: string }> = {
  controlplane: { folder: 'tools', firstBuild: '5 to 10 minutes' },
  gitops: { folder: '../gitops/reader', firstBuild: 'up to 2 minutes' },
  prometheus: { folder: '../prometheus/promtool', firstBuild: '1 to 4 minutes' },
};

interface Program {
  /** The Go module of this project that it is built from. */
  tools: ToolsName;
  /** The Go package to build, and the module whose version it bears; a program of our own bears none. */
  package: string;
  module?: string;
  /** Build tags, to leave out what is not wanted. */
  tags?: string[];
  /** The variables that the linker sets to the version; without them a program calls itself v0.0.0-master. */
  stamp: 'kubernetes' | 'helm' | 'none';
  /** Whether the envtest releases of controller-tools carry it. */
  released: boolean;
  /** Set for programs where any installed one of at least this version will do. */
  installed?: { versionArgs: string[]; atLeast: string };
}

export const programs: Record<ProgramName, Program> = {
  etcd: {
    tools: 'controlplane',
    package: 'go.etcd.io/etcd/server/v3',
    module: 'go.etcd.io/etcd/server/v3',
    stamp: 'none',
    released: true,
  },
  'kube-apiserver': kubernetesProgram('kube-apiserver', true),
  'kube-controller-manager': kubernetesProgram('kube-controller-manager', false),
  'kube-scheduler': kubernetesProgram('kube-scheduler', false),
  kubelet: kubernetesProgram('kubelet', false),
  kubectl: {
    ...kubernetesProgram('kubectl', true),
    installed: { versionArgs: ['version', '--client', '--output=json'], atLeast: 'v1.30.0' },
  },
  helm: {
    tools: 'controlplane',
    package: 'helm.sh/helm/v3/cmd/helm',
    module: 'helm.sh/helm/v3',
    stamp: 'helm',
    released: false,
    installed: { versionArgs: ['version', '--short'], atLeast: 'v3.14.0' },
  },
  'gitops-reader': { tools: 'gitops', package: '.', stamp: 'none', released: false },
  promtool: {
    tools: 'prometheus',
    package: 'github.com/prometheus/prometheus/cmd/promtool',
    module: 'github.com/prometheus/prometheus',
    // Rules need no service discovery, and that of the clouds is a sixth of the packages.
    tags: ['remove_all_sd'],
    stamp: 'none',
    released: false,
    installed: { versionArgs: ['--version'], atLeast: 'v3.0.0' },
  },
};

function kubernetesProgram(name: string, released: boolean): Program {
  return {
    tools: 'controlplane',
    package: `k8s.io/kubernetes/cmd/${name}`,
    module: 'k8s.io/kubernetes',
    stamp: 'kubernetes',
    released,
  };
}

/**
 * The newest envtest release, and the SHA-512 of its archives as kubernetes-sigs/controller-tools publishes
 * them in envtest-releases.yaml. Keep its minor version that of k8s.io/kubernetes in tools/go.mod.
 */
export const envtestRelease = {
  version: 'v1.36.2',
  sha512: {
    'linux-amd64':
      'ea743186c8a799f5cf8faf16969f86189d003cb7d130e0ac4b58789f1e5748dcf30ebe91c837a10d5ac415383da3e10b9e64d65785c938c23e739781cfb76f08',
    'linux-arm64':
      '2d72ee985a8e262a3c57dc9f7f0fd891f6a8c7bf7ebaa2db6dc6d8eac8ae28181afe51c1f368b67756cdb40b10de9b205609e1726e5f27f7c6d824dd9c6649ac',
    'darwin-amd64':
      'b4fe9f973cd1992e3880f8b230ed32c0c243b83371591e3e3315f4404df2cdbef8ee94eeb9bb245b7e5feb987d5c4a76c43e0877654ab73f00d7bbc2b9984514',
    'darwin-arm64':
      '9278f9e5af556b2f1f2d139769c1f0d717c7b4426917fdebdba898bcb725a916e4910d6160886194ff9be9589ea7c5c32c2b8ae0754703874b7c8ba8ddfc41ce',
  } as Record<string, string>,
};

/** What the go.mod and go.sum of one of our Go modules pin. */
export interface Tools {
  name: ToolsName;
  /** The oldest Go that may build them, as "1.26.0". */
  goVersion: string;
  /** Version by module path, as "v1.36.3". */
  versions: Record<string, string>;
  /** Changes when a file does, so that a cache is never taken for another set of versions. */
  hash: string;
}

/**
 * Reads the text of go.mod, go.sum and the module's own Go files. Throws when go.mod names no Go version or lacks
 * a program's module.
 */
export function readTools(name: ToolsName, goMod: string, goSum: string, ...sources: string[]): Tools {
  const { folder } = toolsModules[name];
  const goVersion = /^go (\d\S*)$/m.exec(goMod)?.[1];
  if (goVersion === undefined) throw new Error(`${folder}/go.mod has no "go" line`);
  const versions: Record<string, string> = {};
  for (const { tools, module } of Object.values(programs)) {
    if (tools !== name || module === undefined) continue;
    const line = new RegExp(`^(?:require)?\\s+${module.replaceAll('.', '\\.')} (v\\S+)`, 'm').exec(goMod);
    if (line?.[1] === undefined) throw new Error(`${folder}/go.mod requires no version of ${module}`);
    versions[module] = line[1];
  }
  const hash = createHash('sha256').update([goMod, goSum, ...sources].join('\0'));
  return { name, goVersion, versions, hash: hash.digest('hex').slice(0, 12) };
}

/**
 * Finds the first version number in a text ("go version go1.26.8 linux/amd64", kubectl's JSON, "v3.21.4+g1234").
 * Gives [major, minor, patch], a missing patch as 0, or undefined if there is none.
 */
export function parseVersion(text: string): [number, number, number] | undefined {
  const match = /(?:^|[^\d.])(\d+)\.(\d+)(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

/** Whether the version found in one text is at least that in another. A text without a version never is. */
export function isAtLeast(text: string, minimum: string): boolean {
  const have = parseVersion(text);
  const want = parseVersion(minimum);
  if (!have || !want) return false;
  const index = have.findIndex((part, i) => part !== want[i]);
  return index < 0 || (have[index] ?? 0) > (want[index] ?? 0);
}

/** The value of go build's -ldflags for a program at a version such as "v1.36.3": no symbol table, version set. */
export function linkerFlags(name: ProgramName, version: string): string {
  const [major, minor] = parseVersion(version) ?? [0, 0];
  const variables = {
    kubernetes: {
      'k8s.io/component-base/version.gitVersion': version,
      'k8s.io/component-base/version.gitMajor': `${major}`,
      'k8s.io/component-base/version.gitMinor': `${minor}`,
      'k8s.io/component-base/version.gitTreeState': 'clean',
    },
    helm: { 'helm.sh/helm/v3/internal/version.version': version },
    none: {},
  }[programs[name].stamp];
  return ['-s -w', ...Object.entries(variables).map(([key, value]) => `-X ${key}=${value}`)].join(' ');
}

/** A place where a program may be found or had from; `label` is what to call it to a person. */
export type Origin = { label: string } & (
  | { kind: 'given'; path: string }
  | { kind: 'file'; path: string }
  | { kind: 'installed'; command: string; versionArgs: string[]; atLeast: string }
  | { kind: 'download'; url: string; sha512: string; folder: string; path: string }
  | {
      kind: 'build';
      package: string;
      version: string;
      ldflags: string;
      tags: string[];
      folder: string;
      path: string;
    }
);

export interface Machine {
  environment: Record<string, string | undefined>;
  home: string;
  /** process.platform and process.arch. */
  platform: string;
  arch: string;
}

/** The user's cache folder for control planes: XDG_CACHE_HOME, or what the operating system's users expect. */
export function cacheRoot({ environment, home, platform }: Machine): string {
  const fallback = platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
  return join(environment.XDG_CACHE_HOME || fallback, 'keyframe', 'controlplane');
}

/**
 * The places to look for a program, best first. A path given in a variable is the user's word and must hold;
 * the others give way to the next.
 */
export function origins(name: ProgramName, tools: Tools, machine: Machine): Origin[] {
  const { environment } = machine;
  const { package: goPackage, module, released, installed, tags = [] } = programs[name];
  const platform = `${machine.platform}-${machine.arch === 'x64' ? 'amd64' : machine.arch}`;
  const root = cacheRoot(machine);
  const built = join(root, `${tools.versions['k8s.io/kubernetes'] ?? tools.name}-${platform}-${tools.hash}`);
  const downloaded = join(root, `envtest-${envtestRelease.version}-${platform}`);
  const sha512 = envtestRelease.sha512[platform];
  const version = module === undefined ? '' : (tools.versions[module] ?? '');

  const list: Origin[] = [];
  const variable = `TEST_ASSET_${name.toUpperCase().replaceAll('-', '_')}`;
  const given = environment[variable];
  const assets = environment.KUBEBUILDER_ASSETS;
  if (given) list.push({ kind: 'given', label: variable, path: given });
  if (assets) list.push({ kind: 'file', label: 'KUBEBUILDER_ASSETS', path: join(assets, name) });
  list.push({ kind: 'file', label: 'cache, built from source', path: join(built, name) });
  if (released) list.push({ kind: 'file', label: 'cache, envtest release', path: join(downloaded, name) });
  if (installed) list.push({ kind: 'installed', label: 'installed', command: name, ...installed });
  if (released && sha512 !== undefined) {
    const releases = 'https://github.com/kubernetes-sigs/controller-tools/releases/download';
    const tag = `envtest-${envtestRelease.version}`;
    const url = `${releases}/${tag}/${tag}-${platform}.tar.gz`;
    const path = join(downloaded, name);
    list.push({ kind: 'download', label: 'envtest release', url, sha512, folder: downloaded, path });
  }
  list.push({
    kind: 'build',
    label: 'built from source',
    package: goPackage,
    version,
    ldflags: linkerFlags(name, version),
    tags,
    folder: built,
    path: join(built, name),
  });
  return list;
}
