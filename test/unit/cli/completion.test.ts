/** The scripts in the shells themselves. Nothing here needs a cluster: names of one that is not there are none. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const cli = join(import.meta.dirname, '../../../src/cli');
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyframe-completion-'));
  const program = (name: string, file: string) => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${join(cli, file)}' "$@"\n`);
    chmodSync(path, 0o755);
  };
  program('kubectl-keyframe', 'main.ts');
  program('kubectl_complete-keyframe', 'complete.ts');
  writeFileSync(join(folder, 'some-file'), '');
  env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, KUBECONFIG: join(folder, 'none') };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;
const run = (shell: string, args: string[]) =>
  execFileSync(shell, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).replace(
    /\n$/,
    '',
  );

it.skipIf(!has('bash'))('bash offers what begins with what is written', { timeout: 60_000 }, () => {
  /** Line by line, what Tab would offer behind it. */
  const wanted: Record<string, string> = {
    'kubectl-keyframe s': 'status snapshot',
    'kubectl-keyframe status -o ': 'wide json yaml',
    'kubectl-keyframe status --output=w': 'wide',
    'kubectl-keyframe status --name': '--namespace',
    [`kubectl-keyframe status --kubeconfig=${folder}/some`]: `${folder}/some-file`,
    'kubectl-keyframe status v': '',
  };
  const script = `source <(kubectl-keyframe completion bash)
    for line in "$@"; do
      COMP_LINE="$line"; COMP_POINT=\${#line}; _kubectl_keyframe; echo "\${COMPREPLY[*]}"
    done`;
  const offered = run('bash', ['--norc', '-c', script, 'bash', ...Object.keys(wanted)]);
  expect(offered.split('\n')).toEqual(Object.values(wanted));
});

it.skipIf(!has('fish'))('fish offers words with what they mean', { timeout: 60_000 }, () => {
  const script =
    'kubectl-keyframe completion fish | source; complete -C "kubectl-keyframe status --output=w"';
  expect(run('fish', ['--no-config', '-c', script])).toBe('--output=wide');
});

it.skipIf(!has('zsh'))('zsh takes its script', { timeout: 60_000 }, () => {
  expect(run('zsh', ['-f', '-n', '-c', run(join(folder, 'kubectl-keyframe'), ['completion', 'zsh'])])).toBe(
    '',
  );
});

it('kubectl is answered as it asks', { timeout: 60_000 }, () => {
  expect(run(join(folder, 'kubectl_complete-keyframe'), ['status', '--output=w'])).toBe('wide\n:4');
  expect(run(join(folder, 'kubectl_complete-keyframe'), ['status', '--kubeconfig', ''])).toBe(':0');
  expect(run(join(folder, 'kubectl_complete-keyframe'), ['status', ''])).toBe(':4');
});
