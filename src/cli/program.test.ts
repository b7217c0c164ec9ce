import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { commandHelp, overview, type Surroundings } from './command.ts';
import { commands, runProgram } from './program.ts';

/** Runs the program without a cluster. */
async function run(...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await runProgram(args, {
    stdout,
    stderr,
    stdin: process.stdin,
    env: {},
    version: '1.2.3',
    interrupted: new AbortController().signal,
  } as unknown as Surroundings);
  const read = (stream: PassThrough) => String(stream.read() ?? '');
  return { code, stdout: read(stdout), stderr: read(stderr) };
}

describe('the manual', () => {
  const manuals: [string, string][] = [
    ['', overview(commands)],
    ...commands.map((each): [string, string] => [each.name, commandHelp(each)]),
  ];

  it.each(manuals)('of "%s" fits into 80 columns', (_, text) => {
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it.each(commands.map((each) => [each.name, each] as const))(
    'of %s has examples of it',
    (name, { examples }) => {
      expect(examples).not.toEqual([]);
      for (const { command } of examples) expect(command.split(' ')[0]).toBe(name);
    },
  );

  it.each([[[]], [['--help']], [['help']]])('is shown by %j', async (args) => {
    expect(await run(...args)).toEqual({ code: 0, stdout: overview(commands), stderr: '' });
  });

  it.each([[['status', '-h']], [['help', 'status']], [['status', '--help']]])(
    'of a command is shown by %j',
    async (args) => {
      const status = commands.find(({ name }) => name === 'status');
      expect((await run(...args)).stdout).toBe(status === undefined ? '' : commandHelp(status));
    },
  );
});

it.each([
  [['nope'], 'there is no command "nope", but status, snapshot'],
  [['-n', 'demo', 'status'], '-n: options go behind the command'],
  [['status', 'a', 'b'], 'status takes [NAME], not a b'],
  [['doctor', 'x'], 'doctor takes no arguments, not x'],
  [['completion', 'tcsh'], 'SHELL is one of bash, zsh, fish, powershell, not "tcsh"'],
  [['status', '-w', '-o', 'json'], '-w goes without -o json'],
  [['status', '-A', '-n', 'x'], 'set --namespace or --all-namespaces, not both'],
  [['snapshot', 'x', '--wait', '--dry-run'], '--wait goes without --dry-run'],
  [
    ['snapshot', 'x', '--timeout', 'soon'],
    '--timeout takes a duration such as 90s, 2h30m, or 168h for 7 days, not "soon"',
  ],
  [['restore', 'rpcopy/x', '--in-place'], 'SNAPSHOT is the name of a VMSnapshot, not rpcopy/x'],
  [['discover', '--vm', 'a', '--collection', 'b'], 'set one of --vm, --collection, --storage-domain'],
  [['discover', '--provider', 'a'], '--provider and --keep go with --vm'],
  [['discover', 'a', '--vm', 'b'], '--vm, --collection and --storage-domain go without INVENTORY'],
])('%j is a wrong command line', async (args, message) => {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`error: ${message}`);
  expect(stderr).toMatch(/--help explains it\.\n$/);
});

it('tells its version without a cluster', async () => {
  expect(await run('version', '--client')).toEqual({
    code: 0,
    stdout: 'kubectl-keyframe 1.2.3\n',
    stderr: '',
  });
});

it('says what to do where there is no kubeconfig', async () => {
  const { code, stderr } = await run('status', '--kubeconfig', '/nowhere/at/all');
  expect(code).toBe(1);
  expect(stderr).toContain('/nowhere/at/all');
  expect(stderr).toContain('kubectl config get-contexts');
});
