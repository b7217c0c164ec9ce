/** `npm run e2e`: the chart and the image on a real node, in namespaces that nobody else sees. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findBinary } from '../controlplane/binaries.ts';
import { Supervisor } from '../controlplane/supervisor.ts';
import { cgroupName, makeCgroups, removeCgroups } from './cgroups.ts';
import { buildImages, ImageUnavailable } from './images.ts';
import { isolated } from './isolated.ts';
import { cniState, type Place, placeVariable } from './place.ts';
import { look, missing } from './prerequisites.ts';

const usage = `Usage: npm run e2e -- [options]

Builds the image, starts a control plane, containerd and a kubelet in namespaces of their own, installs the chart with
helm, and lets the operator work as Pods. Needs root; docs/development.md has the rest.

  --required   a machine that lacks something is a failure; unless given, it is told and nothing is run
  --help       this text
`;

const folderOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { values } = parseArgs({
  options: { required: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});

const say = (line: string) => process.stderr.write(`[e2e] ${line}\n`);

if (values.help) process.stdout.write(usage);
else process.exitCode = await main();

async function main(): Promise<number> {
  const facts = await look();
  const lacking = missing(facts);
  if (lacking.length > 0) return skip(lacking);
  // With the network that the namespaces have not.
  for (const name of [
    'etcd',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubelet',
    'kubectl',
    'helm',
  ] as const)
    await findBinary(name);

  // For its folder, which goes however this process ends.
  const supervisor = await Supervisor.begin();
  // Something of our own is mounted there.
  const made = await mkdir(cniState, { recursive: true });
  try {
    const images = await buildImages(supervisor.folder, say);
    makeCgroups();
    const place: Place = {
      ...images,
      folder: supervisor.folder,
      cgroup: cgroupName,
      cniPlugins: facts.cniPlugins ?? '',
    };
    return await runTests(place);
  } catch (error) {
    if (error instanceof ImageUnavailable) return skip([error.message]);
    say((error as Error).message);
    return 1;
  } finally {
    await removeCgroups();
    if (made !== undefined) await rm(made, { recursive: true });
    await supervisor.close();
  }
}

function skip(reasons: string[]): number {
  const outcome = values.required ? 'failed' : 'skipped';
  say(`${outcome}, nothing was run on a node: ${reasons.join('; ')}`);
  return values.required ? 1 : 0;
}

/** Runs the tests in the namespaces. Gives their exit code, or that of a signal that ended them. */
async function runTests(place: Place): Promise<number> {
  // The sweeper of control planes does not see from in there whose folders are in use.
  const temporary = join(place.folder, 'tmp');
  await mkdir(temporary);
  const vitest = folderOf('../../node_modules/vitest/vitest.mjs');
  const command = [process.execPath, vitest, 'run', '--config', folderOf('vitest.config.ts')];
  const [file = '', ...args] = isolated(command, ['net', 'uts', 'ipc']);
  const child = spawn(file, args, {
    cwd: folderOf('../../'),
    env: { ...process.env, TMPDIR: temporary, [placeVariable]: JSON.stringify(place) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => child.kill('SIGKILL'));
  return exitCodeOf(child);
}

function exitCodeOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
