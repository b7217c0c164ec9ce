/** `npm run controlplane`: a control plane to play with. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { findBinary, say } from './binaries.ts';
import { startControlPlane } from './control-plane.ts';
import { type ProgramName, programs } from './programs.ts';

const usage = `Usage: npm run controlplane -- [options]

Starts etcd and kube-apiserver on the loopback, applies crds/, and stays until Ctrl-C. No Pods run on it.

  --build-only [program...]  only find, download or build the programs (${Object.keys(programs).join(', ')};
                             unless named: etcd and kube-apiserver)
  --controller-manager       run kube-controller-manager too: garbage collection, namespaces that go away
  --audit-log                write an audit log
  --no-crds                  leave crds/ out: the chart brings its own, helm install takes over none
  --help                     this text

Environment: KUBEBUILDER_ASSETS (a folder with the programs), TEST_ASSET_ETCD, TEST_ASSET_KUBE_APISERVER and
so on (a program each), KEYFRAME_TEST_CONTEXT (use the cluster of this kube context, start nothing).
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'build-only': { type: 'boolean' },
    'controller-manager': { type: 'boolean' },
    'audit-log': { type: 'boolean' },
    'no-crds': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});

try {
  if (values.help) process.stdout.write(usage);
  else if (values['build-only'])
    await build(positionals.length > 0 ? positionals : ['etcd', 'kube-apiserver']);
  else await serve();
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}

async function build(names: string[]): Promise<void> {
  for (const name of names) {
    if (!Object.hasOwn(programs, name)) throw new Error(`there is no program ${name}, see --help`);
  }
  for (const name of names as ProgramName[]) await findBinary(name);
}

async function serve(): Promise<void> {
  const begin = performance.now();
  const controlPlane = await startControlPlane({
    auditLog: values['audit-log'] === true,
    controllerManager: values['controller-manager'] === true,
  });
  const definitions = values['no-crds'] === true ? [] : await controlPlane.applyCustomResourceDefinitions();
  say(`ready after ${((performance.now() - begin) / 1000).toFixed(1)} s at ${controlPlane.url}`);
  say(definitions.length > 0 ? `applied ${definitions.join(', ')}` : 'no definitions were applied');
  if (controlPlane.auditLogPath) say(`audit log: ${controlPlane.auditLogPath}`);
  say('in another terminal:');
  process.stdout.write(`export KUBECONFIG=${controlPlane.kubeconfigPath}\n`);
  say('Ctrl-C stops it and removes its data');
  // Keeps this process alive; any other end of it stops the servers as well.
  const stay = setInterval(() => {}, 2 ** 30);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')]);
  clearInterval(stay);
  await controlPlane.stop();
}
