import { parseArgs } from 'node:util';
import { parseDuration } from './api/duration.ts';
import { clusterIDForm } from './controllers/intent.ts';
import { defaultSettings } from './controllers/settings.ts';

/** What the command line and the environment say. Times in milliseconds. */
export interface Flags {
  kubeconfig: string | undefined;
  context: string | undefined;
  namespace: string | undefined;
  namespaces: string[] | undefined;
  watchLabelSelector: string | undefined;
  clusterID: string | undefined;
  workers: number;
  leaderElect: boolean;
  leaderElectionName: string;
  leaseDuration: number;
  renewDeadline: number;
  retryPeriod: number;
  namespacedAmbientCredentials: boolean;
  ambientHosts: string[];
  pollInterval: number;
  progressInterval: number;
  driftInterval: number;
  retryInterval: number;
  settleTime: number | undefined;
  abandonAfter: number;
  shutdownGrace: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  logFormat: 'json' | 'text';
  metricsAddress: string;
  healthAddress: string;
}

/** The command line asks for something else than running, or cannot be understood. */
export type FlagsResult = { flags: Flags } | { print: string; exitCode: number };

interface Flag<T> {
  name: string;
  /** Shown for the value in the help; absent for switches. */
  value?: string;
  default: string;
  help: string;
  read: (text: string, name: string) => T;
}

class FlagError extends Error {}

const text = (value: string) => (value === '' ? undefined : value);
const list = (value: string) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function number(minimum: number, maximum: number) {
  return (value: string, name: string): number => {
    const parsed = Number(value);
    if (Number.isInteger(parsed) && parsed >= minimum && parsed <= maximum) return parsed;
    throw new FlagError(
      `--${name} takes a whole number from ${minimum} to ${maximum}, not ${JSON.stringify(value)}`,
    );
  };
}

function duration(value: string, name: string): number {
  const milliseconds = /^(\d{1,9})ms$/.exec(value)?.[1];
  try {
    const parsed = milliseconds === undefined ? parseDuration(value) : Number(milliseconds);
    if (parsed > 0) return parsed;
  } catch {
    // Told below, with the flag's name.
  }
  throw new FlagError(`--${name} takes a duration such as 10s or 2h30m, not ${JSON.stringify(value)}`);
}

function word<T extends string>(...words: T[]) {
  return (value: string, name: string): T => {
    const found = words.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw new FlagError(`--${name} takes one of ${words.join(', ')}, not ${JSON.stringify(value)}`);
  };
}

function toggle(value: string, name: string): boolean {
  if (value === 'true' || value === '') return true;
  if (value === 'false') return false;
  throw new FlagError(`--${name} takes true or false, not ${JSON.stringify(value)}`);
}

function clusterID(value: string): string | undefined {
  if (value === '' || clusterIDForm.test(value)) return text(value);
  throw new FlagError(
    `--cluster-id takes 1 to 20 lower-case letters and digits, not ${JSON.stringify(value)}: it becomes part of names at the vendors`,
  );
}

const inSeconds = (milliseconds: number) =>
  milliseconds % 3_600_000 === 0 ? `${milliseconds / 3_600_000}h` : `${milliseconds / 1000}s`;

const sections: { title: string; flags: { [K in keyof Partial<Flags>]: Flag<Flags[K]> } }[] = [
  {
    title: 'Kubernetes',
    flags: {
      kubeconfig: {
        name: 'kubeconfig',
        value: 'FILE',
        default: '',
        read: text,
        help: 'Kubeconfig to use. Unset: $KUBECONFIG, then the ServiceAccount of the Pod, then ~/.kube/config.',
      },
      context: {
        name: 'context',
        value: 'NAME',
        default: '',
        read: text,
        help: 'Context of the kubeconfig.',
      },
      namespace: {
        name: 'namespace',
        value: 'NAME',
        default: '',
        read: text,
        help: "The operator's own namespace, where its Lease is and the Secrets of ClusterVMProviders lie. Unset: $POD_NAMESPACE, then that of the connection.",
      },
      namespaces: {
        name: 'namespaces',
        value: 'A,B',
        default: '',
        read: (value) => (list(value).length === 0 ? undefined : list(value)),
        help: 'Watch only these namespaces. Roles are enough then; ClusterVMProviders are not served, and --cluster-id must be given. Unset: all.',
      },
      watchLabelSelector: {
        name: 'watch-label-selector',
        value: 'SELECTOR',
        default: '',
        read: text,
        help: 'Serve only providers with these labels, and what goes by them: one shard of several, each endpoint in one process.',
      },
      clusterID: {
        name: 'cluster-id',
        value: 'ID',
        default: '',
        read: clusterID,
        help: "Tells this cluster's snapshots from those of others at the vendor: 1 to 20 lower-case letters and digits, never changed. Unset: made from the UID of the namespace kube-system.",
      },
      workers: {
        name: 'workers',
        value: 'N',
        default: '8',
        read: number(1, 64),
        help: 'Objects of a kind that are worked on at once.',
      },
    },
  },
  {
    title: 'Leader election',
    flags: {
      leaderElect: {
        name: 'leader-elect',
        default: 'true',
        read: toggle,
        help: 'Take part in the election of a leader; only the leader works.',
      },
      leaderElectionName: {
        name: 'leader-election-name',
        value: 'NAME',
        default: 'keyframe',
        read: (value) => value,
        help: 'Name of the Lease. Give each shard its own.',
      },
      leaseDuration: {
        name: 'lease-duration',
        value: 'TIME',
        default: '15s',
        read: duration,
        help: 'How long others wait after the last renewal.',
      },
      renewDeadline: {
        name: 'renew-deadline',
        value: 'TIME',
        default: '10s',
        read: duration,
        help: 'How long a leader tries to renew before it gives up.',
      },
      retryPeriod: {
        name: 'retry-period',
        value: 'TIME',
        default: '2s',
        read: duration,
        help: 'Time between tries.',
      },
    },
  },
  {
    title: 'Credentials',
    flags: {
      namespacedAmbientCredentials: {
        name: 'namespaced-ambient-credentials',
        default: 'false',
        read: toggle,
        help: "Lend the operator's own identity (workload identity, managed identity) to VMProviders of namespaces. Whoever can make a VMProvider then acts as the operator.",
      },
      ambientHosts: {
        name: 'ambient-hosts',
        value: 'HOST,..',
        default: '',
        read: list,
        help: "Hosts of Custom clouds to which a token of the operator's own identity may be shown.",
      },
    },
  },
  {
    title: 'Pace',
    flags: {
      pollInterval: {
        name: 'poll-interval',
        value: 'TIME',
        default: inSeconds(defaultSettings.pollIntervalMs),
        read: duration,
        help: 'How soon an operation in flight is looked at. Older ones are looked at after a tenth of their age.',
      },
      progressInterval: {
        name: 'progress-interval',
        value: 'TIME',
        default: inSeconds(defaultSettings.progressIntervalMs),
        read: duration,
        help: 'Least time between two writes of progress alone.',
      },
      driftInterval: {
        name: 'drift-interval',
        value: 'TIME',
        default: inSeconds(defaultSettings.driftIntervalMs),
        read: duration,
        help: 'How often what is settled is held against the vendor.',
      },
      retryInterval: {
        name: 'retry-interval',
        value: 'TIME',
        default: inSeconds(defaultSettings.retryIntervalMs),
        read: duration,
        help: 'First wait after an attempt that the vendor refused; doubled for each further one.',
      },
      settleTime: {
        name: 'settle-time',
        value: 'TIME',
        default: '',
        read: (value, name) => (value === '' ? undefined : duration(value, name)),
        help: 'How long the effect of a request whose answer was lost may take to show. Less than the vendor needs risks a snapshot made twice. Unset: what the vendor needs (Azure 30s, oVirt 2m, SPF 5m).',
      },
      abandonAfter: {
        name: 'abandon-after',
        value: 'TIME',
        default: inSeconds(defaultSettings.abandonAfterMs),
        read: duration,
        help: 'How long objects of a namespace that is being deleted wait for credentials that are gone before they are let go without the vendor.',
      },
      shutdownGrace: {
        name: 'shutdown-grace',
        value: 'TIME',
        default: '20s',
        read: duration,
        help: 'How long work in flight may take at the end of the process.',
      },
    },
  },
  {
    title: 'Observation',
    flags: {
      logLevel: {
        name: 'log-level',
        value: 'LEVEL',
        default: 'info',
        read: word('debug', 'info', 'warn', 'error'),
        help: 'debug, info, warn or error.',
      },
      logFormat: {
        name: 'log-format',
        value: 'FORMAT',
        default: 'json',
        read: word('json', 'text'),
        help: 'json for machines, text for people.',
      },
      metricsAddress: {
        name: 'metrics-address',
        value: 'HOST:PORT',
        default: ':8080',
        read: (value) => value,
        help: 'Where /metrics is served; 0 for nowhere.',
      },
      healthAddress: {
        name: 'health-address',
        value: 'HOST:PORT',
        default: ':8081',
        read: (value) => value,
        help: 'Where /healthz and /readyz are served; 0 for nowhere.',
      },
    },
  },
];

/** The name of the environment variable that stands for a flag. */
export function environmentName(flag: string): string {
  return `KEYFRAME_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** Reads the command line; what it leaves out comes from the environment, then from the defaults. */
export function readFlags(args: string[], env: NodeJS.ProcessEnv, version: string): FlagsResult {
  const all = sections.flatMap(({ flags }) => Object.entries(flags)) as [keyof Flags, Flag<unknown>][];
  const options = Object.fromEntries(all.map(([, flag]) => [flag.name, { type: 'string' as const }]));
  try {
    // A switch may stand alone: --leader-elect is --leader-elect=true.
    const switches = new Set(
      all.filter(([, flag]) => flag.value === undefined).map(([, flag]) => `--${flag.name}`),
    );
    const given = args.map((arg) => (switches.has(arg) ? `${arg}=true` : arg));
    const { values } = parseArgs({
      args: given,
      options: { ...options, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } },
      strict: true,
    });
    if (values.help === true) return { print: help(), exitCode: 0 };
    if (values.version === true) return { print: `keyframe ${version}\n`, exitCode: 0 };
    const flags = Object.fromEntries(
      all.map(([key, flag]) => {
        const value =
          (values as Record<string, string | boolean | undefined>)[flag.name] ??
          env[environmentName(flag.name)] ??
          flag.default;
        return [key, flag.read(String(value), flag.name)];
      }),
    ) as unknown as Flags;
    if (flags.namespaces !== undefined && flags.clusterID === undefined) {
      throw new FlagError(
        '--namespaces needs --cluster-id: without cluster-wide rights the UID of kube-system cannot be read',
      );
    }
    return { flags };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { print: `keyframe: ${message}\nkeyframe --help lists all flags.\n`, exitCode: 2 };
  }
}

/** The manual. */
export function help(): string {
  const lines = [
    'keyframe - snapshots of virtual machines outside the cluster, as Kubernetes objects',
    '',
    'Usage: keyframe [flags]',
    '',
    'Runs the operator: watches VMProvider, ClusterVMProvider, VMSnapshot, RestorePointCollection and',
    'RestorePointCopy, drives the snapshot API of the cloud on which the VMs live, and writes what came of it',
    'into their status. Each flag can also be set in the environment: --log-level as KEYFRAME_LOG_LEVEL.',
    '',
  ];
  for (const { title, flags } of sections) {
    lines.push(`${title}:`);
    for (const flag of Object.values(flags)) {
      lines.push(
        `  --${flag.name}${flag.value === undefined ? '' : `=${flag.value}`}${flag.default === '' ? '' : `  (${flag.default})`}`,
      );
      lines.push(...wrap(flag.help, 92).map((line) => `      ${line}`));
    }
    lines.push('');
  }
  lines.push('Other:', '  --help, --version', '');
  lines.push(
    'Signals: SIGTERM and SIGINT end it in order, a second one at once. It may be killed at any time: all that a',
  );
  lines.push('restart needs is in the objects and at the vendor.', '');
  return lines.join('\n');
}

function wrap(sentence: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of sentence.split(' ')) {
    if (line !== '' && line.length + part.length + 1 > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? part : `${line} ${part}`;
  }
  return line === '' ? lines : [...lines, line];
}
