import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startOvirtSimulator } from '../../simulators/ovirt/simulator.ts';

const usage = `oVirt's own Python SDK against the simulated engine, one run for each release.

  node test/conformance/ovirt/main.ts [--python <interpreter>] [release ..]

The interpreter must have the package ovirt-engine-sdk-python (pip install ovirt-engine-sdk-python, which builds
pycurl and so needs the headers of libcurl and libxml2). It is python3 by default.
`;

const defaultReleases = ['4.0.6', '4.1.9', '4.2.8', '4.3.10', '4.4.10', '4.5.4'];
const deadlineMilliseconds = 120_000;

/** Runs the SDK against one release, and gives what is wrong. */
async function conformance(python: string, version: string, directory: string): Promise<string[]> {
  await using engine = await startOvirtSimulator({ version, speed: 100 });
  const vm = engine.addVm({ name: 'web server', disks: [{}, {}] });
  const caFile = join(directory, `ca-${version}.pem`);
  await writeFile(caFile, engine.caPem);
  const input = {
    url: `${engine.url}/api`,
    username: engine.username,
    password: engine.password,
    caFile,
    version,
    vmId: vm.id,
    diskIds: vm.attachments.map(({ diskId }) => diskId),
    storageDomainId: [...engine.world.storageDomains.keys()][0],
    unknownId: '00000000-0000-4000-8000-00000000000f',
  };
  const script = fileURLToPath(new URL('./python_sdk.py', import.meta.url));
  const child = spawn(python, [script], {
    stdio: ['pipe', 'inherit', 'inherit'],
    signal: AbortSignal.timeout(deadlineMilliseconds),
  });
  child.stdin.on('error', () => {}); // A child that cannot start is told of by its exit.
  child.stdin.end(JSON.stringify(input));
  const [code] = (await once(child, 'exit')) as [number | null];
  const violations = engine.contractViolations
    // The script leaves the description out once, to see the refusal.
    .filter(({ message }) => message !== 'Incomplete parameters: Snapshot [description] required for add')
    .map(({ method, url, message }) => `${method} ${url}: ${message}`);
  const left = engine.logins.open().tokens;
  return [
    ...(code === 0 ? [] : [`The SDK's script ended with ${code}.`]),
    ...violations,
    ...(engine.everCreated().length === 2 ? [] : ['There were not two snapshots in all.']),
    ...(left === 0 ? [] : [`${left} tokens were not handed back.`]),
  ];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { python: { type: 'string', default: 'python3' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), 'keyframe-ovirt-'));
  try {
    for (const version of positionals.length > 0 ? positionals : defaultReleases) {
      const wrong = await conformance(values.python, version, directory);
      process.stdout.write(`${version}: ${wrong.length === 0 ? 'conforms' : wrong.join('\n  ')}\n`);
      if (wrong.length > 0) process.exitCode = 1;
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}

await main();
