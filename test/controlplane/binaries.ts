/**
 * Finds the programs of a control plane, and downloads or builds them where none are found. The order is
 * that of origins() in programs.ts; docs/development.md tells how to choose.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import {
  access,
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EnvHttpProxyAgent, fetch } from 'undici';
import {
  isAtLeast,
  type Origin,
  origins,
  type ProgramName,
  programs,
  readTools,
  type Tools,
  toolsModules,
} from './programs.ts';
import { Supervisor } from './supervisor.ts';

const run = promisify(execFile);
const toolsFolder = ({ name }: Pick<Tools, 'name'>): string =>
  fileURLToPath(new URL(`${toolsModules[name].folder}/`, import.meta.url));
const maxDownload = 500 * 2 ** 20;

/** Prints a line of progress for the person who waits. */
export function say(line: string): void {
  process.stderr.write(`[controlplane] ${line}\n`);
}

const found = new Map<ProgramName, Promise<string>>();

/**
 * Gives the path of a program, and prints where it comes from. The first build takes minutes, later calls
 * nothing. Rejects with what was tried and what to do when it can be had nowhere.
 */
export function findBinary(name: ProgramName): Promise<string> {
  let path = found.get(name);
  if (!path) {
    path = find(name);
    found.set(name, path);
  }
  return path;
}

async function find(name: ProgramName): Promise<string> {
  const tools = await toolsOf(programs[name].tools);
  const { platform, arch, env: environment } = process;
  const failures: string[] = [];
  for (const origin of origins(name, tools, { environment, home: homedir(), platform, arch })) {
    try {
      const path = await take(name, origin, tools);
      if (path === undefined) continue;
      say(`${name}: ${path} (${origin.label})`);
      return path;
    } catch (error) {
      const reason = `${origin.label}: ${error instanceof Error ? error.message : String(error)}`;
      if (origin.kind === 'given') throw new Error(`${name}: ${reason}`, { cause: error });
      failures.push(reason);
      say(`${name} cannot be had from ${reason}`);
    }
  }
  throw new Error(
    `${name} cannot be had (${failures.join('; ')}). Set KUBEBUILDER_ASSETS to a folder that has it, install Go ` +
      `${tools.goVersion} or newer, or set KEYFRAME_TEST_CONTEXT to the kube context of a cluster to test against.`,
  );
}

async function toolsOf(name: Tools['name']): Promise<Tools> {
  const folder = toolsFolder({ name });
  const sources = (await readdir(folder)).filter((file) => file.endsWith('.go')).sort();
  const [goMod = '', goSum = '', ...rest] = await Promise.all(
    ['go.mod', 'go.sum', ...sources].map((file) => readFile(join(folder, file), 'utf8')),
  );
  return readTools(name, goMod, goSum, ...rest);
}

/** Gives the program's path from one origin, or undefined if it is not there; throws if it should have been. */
async function take(name: ProgramName, origin: Origin, tools: Tools): Promise<string | undefined> {
  switch (origin.kind) {
    case 'given':
      await access(origin.path, constants.X_OK);
      return origin.path;
    case 'file':
      return (await isExecutable(origin.path)) ? origin.path : undefined;
    case 'installed': {
      const output = await run(origin.command, origin.versionArgs, { timeout: 20_000 }).catch(
        () => undefined,
      );
      if (output === undefined) return undefined;
      if (!isAtLeast(output.stdout, origin.atLeast)) throw new Error(`older than ${origin.atLeast}`);
      return origin.command;
    }
    case 'download':
      await once(origin.folder, () => withLock(origin.folder, () => download(origin)));
      return origin.path;
    case 'build':
      await withLock(origin.folder, () => build(name, origin, tools));
      return origin.path;
  }
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

const attempts = new Map<string, Promise<void>>();

/** Does a thing once per process, so that a download that failed is not tried again for the next program. */
function once(key: string, action: () => Promise<void>): Promise<void> {
  const attempt = attempts.get(key) ?? action();
  attempts.set(key, attempt);
  return attempt;
}

type Download = Omit<Extract<Origin, { kind: 'download' }>, 'kind' | 'label'>;

/**
 * Downloads an archive of programs, checks its SHA-512, and unpacks it into a folder, which appears whole or
 * not at all. Fails within seconds where the host cannot be reached.
 */
export async function download({ url, sha512, folder, path }: Download): Promise<void> {
  if (await isExecutable(path)) return;
  const temporary = await temporaryName(folder);
  await mkdir(temporary);
  const dispatcher = new EnvHttpProxyAgent({
    connect: { timeout: 5_000 },
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
  });
  try {
    const response = await fetch(url, { dispatcher, signal: AbortSignal.timeout(600_000) });
    if (!response.ok || !response.body) throw new Error(`GET ${url} was answered with ${response.status}`);
    say(`downloading ${url}`);
    const hash = createHash('sha512');
    let size = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        done(size > maxDownload ? new Error(`${url} is larger than ${maxDownload} bytes`) : null, chunk);
      },
    });
    const archive = join(temporary, 'archive.tar.gz');
    await pipeline(Readable.fromWeb(response.body), check, createWriteStream(archive));
    const got = hash.digest('hex');
    if (got !== sha512) throw new Error(`${url} has SHA-512 ${got}, not ${sha512} as pinned: not unpacked`);
    // The archive holds controller-tools/envtest/<program>.
    await run('tar', ['-xzf', archive, '-C', temporary, '--strip-components=2'], { timeout: 120_000 });
    await rm(archive);
    await access(join(temporary, basename(path)), constants.X_OK);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } catch (error) {
    const cause = (error as Error).cause;
    throw new Error(`${(error as Error).message}${cause instanceof Error ? ` (${cause.message})` : ''}`, {
      cause: error,
    });
  } finally {
    await dispatcher.destroy();
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A name beside a path, to be renamed to it; removes those that killed processes left: the lock's holder is alone. */
async function temporaryName(path: string): Promise<string> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    const isLeftover = name.startsWith(`${basename(path)}.`) && name.endsWith('.tmp');
    if (isLeftover) await rm(join(folder, name), { recursive: true, force: true });
  }
  return `${path}.${randomUUID()}.tmp`;
}

/** Builds a program from the tools module, under a supervisor: a build does not outlive who asked for it. */
async function build(
  name: ProgramName,
  origin: Extract<Origin, { kind: 'build' }>,
  tools: Tools,
): Promise<void> {
  if (await isExecutable(origin.path)) return;
  // Asked in the tools folder, so that Go may switch to the toolchain that go.mod wants.
  const directory = toolsFolder(tools);
  const { stdout } = await run('go', ['version'], { cwd: directory, timeout: 120_000 }).catch(
    (error: Error) => {
      throw new Error(`Go is needed, and: ${error.message}`);
    },
  );
  const go = stdout.trim();
  if (!isAtLeast(go, tools.goVersion))
    throw new Error(`go ${tools.goVersion} or newer is needed, this is "${go}"`);

  const temporary = await temporaryName(origin.path);
  const begin = performance.now();
  const seconds = () => Math.round((performance.now() - begin) / 1000);
  const { firstBuild } = toolsModules[tools.name];
  const what = [name, origin.version].filter(Boolean).join(' ');
  say(`building ${what} with ${go}; this takes ${firstBuild} the first time`);
  const supervisor = await Supervisor.begin();
  const progress = setInterval(() => say(`building ${name}: ${seconds()} s`), 15_000);
  try {
    const args = [
      'build',
      '-mod=readonly',
      '-buildvcs=false',
      '-ldflags',
      origin.ldflags,
      '-tags',
      origin.tags.join(','),
      '-o',
      temporary,
      origin.package,
    ];
    // Ours alone decides: no workspace, no cross-compiling. GOTMPDIR goes with the supervisor's folder.
    const environment = {
      ...process.env,
      CGO_ENABLED: '0',
      GOWORK: 'off',
      GOOS: '',
      GOARCH: '',
      GOTMPDIR: supervisor.folder,
    };
    const end = await supervisor.start('go', 'go', args, { directory, environment }).exit;
    if (end !== 'ended with exit code 0')
      throw new Error(`go build ${end}:\n${await supervisor.logTail('go')}`);
    await chmod(temporary, 0o755);
    await rename(temporary, origin.path);
    say(`built ${name} in ${seconds()} s`);
  } finally {
    clearInterval(progress);
    await supervisor.close();
    await rm(temporary, { force: true });
  }
}

/**
 * Runs an action while no other process does so for the same folder. The holder touches the lock file every
 * two seconds; one not touched for `staleAfter` milliseconds belongs to a dead process and is taken over.
 * Should two take over at the same instant, both act: a waste, no harm, since results are renamed into place.
 */
export async function withLock<T>(folder: string, action: () => Promise<T>, staleAfter = 20_000): Promise<T> {
  const file = `${folder}.lock`;
  const mine = randomUUID();
  await mkdir(dirname(file), { recursive: true });
  let told = false;
  for (const end = performance.now() + 3_600_000; ; ) {
    try {
      await writeFile(file, mine, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const touched = (await stat(file).catch(() => undefined))?.mtimeMs;
    if (touched !== undefined && Date.now() - touched > staleAfter) {
      await rm(file, { force: true });
      continue;
    }
    if (performance.now() > end) throw new Error(`another process has held ${file} for an hour`);
    if (!told) say(`waiting for another process that makes ${basename(folder)}`);
    told = true;
    await delay(200);
  }
  const heartbeat = setInterval(() => utimes(file, new Date(), new Date()).catch(() => {}), 2_000);
  try {
    return await action();
  } finally {
    clearInterval(heartbeat);
    if ((await readFile(file, 'utf8').catch(() => '')) === mine) await rm(file, { force: true });
  }
}
