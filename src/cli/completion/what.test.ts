import { describe, expect, it } from 'vitest';
import { commands } from '../program.ts';
import { type Wanted, whatCompletes } from './what.ts';

/** A wish in few words: `status snapshot`, `look up vms`, `files`. */
function sketch(wanted: Wanted): string {
  if (wanted === undefined) return 'nothing';
  if ('files' in wanted) return 'files';
  if ('lookUp' in wanted) {
    const given = [...wanted.given].map(([name, value]) => `${name}=${value}`).join(' ');
    return `look up ${wanted.lookUp}${given === '' ? '' : ` by ${given}`}`;
  }
  return wanted.words.map(({ value }) => value).join(' ');
}

describe('what completes', () => {
  it.each([
    ['s', 'status snapshot'],
    ['help do', 'doctor'],
    ['status |', 'look up anything'],
    ['status -n demo |', 'look up anything by namespace=demo'],
    ['status -ndemo --context=a |', 'look up anything by namespace=demo context=a'],
    ['status -w |', 'look up anything by watch='],
    ['status one |', 'nothing'],
    ['status -n |', 'look up namespaces'],
    ['status --namespace=de', 'look up namespaces'],
    ['status -o w', 'wide'],
    ['status --output=j', 'json'],
    ['status --kubeconfig |', 'files'],
    ['status --kubeconfig=/et', 'files'],
    ['status --wa', '--watch'],
    ['status --watch --wa', ''],
    ['status --he', '--help'],
    ['snapshot --dry-run |', 'look up vms by dry-run='],
    ['snapshot --dry-run=s', 'server'],
    ['snapshot --consistency app', 'Application'],
    ['snapshot --name |', 'nothing'],
    ['completion |', 'bash zsh fish powershell'],
    ['completion fi', 'fish'],
    ['status --nope=x', 'nothing'],
    ['nope |', 'nothing'],
  ])('%s: %s', (line, expected) => {
    expect(
      sketch(
        whatCompletes(
          line.split(' ').map((word) => (word === '|' ? '' : word)),
          commands,
        ),
      ),
    ).toBe(expected);
  });

  it('is every command where nothing is written', () => {
    expect(sketch(whatCompletes([''], commands))).toBe(
      [...commands.map(({ name }) => name), 'help'].join(' '),
    );
  });
});
