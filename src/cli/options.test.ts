import { describe, expect, it } from 'vitest';
import { UsageError } from './failure.ts';
import { type Options, optionLines, readOptions } from './options.ts';

const options = {
  namespace: { value: 'NAME', short: 'n', help: 'Namespace.' },
  output: { value: 'FORMAT', short: 'o', words: ['wide', 'json'], help: 'Format.' },
  level: { value: 'LEVEL', words: ['Application', 'Crash'], help: 'Level.' },
  'dry-run': { value: 'WHERE', words: ['client', 'server'], bare: 'client', help: 'Nothing.' },
  watch: { short: 'w', help: 'Stay.' },
} as const satisfies Options;

const nothing = {
  namespace: undefined,
  output: undefined,
  level: undefined,
  'dry-run': undefined,
  watch: false,
};

describe('reading options', () => {
  it.each<[string, string[], object, string[]]>([
    ['nothing', [], {}, []],
    [
      'long and short, as kubectl takes them',
      ['-n', 'a', '--output=wide'],
      { namespace: 'a', output: 'wide' },
      [],
    ],
    [
      'a short one with its value',
      ['-na', '-owide', '-w'],
      { namespace: 'a', output: 'wide', watch: true },
      [],
    ],
    ['a switch with a value', ['--watch=false', 'x'], {}, ['x']],
    ['a word in any case', ['--level', 'crash'], { level: 'Crash' }, []],
    ['one alone that may stand alone', ['--dry-run', 'x'], { 'dry-run': 'client' }, ['x']],
    ['one with its value that may stand alone', ['--dry-run=server'], { 'dry-run': 'server' }, []],
    ['arguments among options', ['a', '-w', 'b'], { watch: true }, ['a', 'b']],
    ['what follows -- for arguments', ['--', '-w', '--dry-run'], {}, ['-w', '--dry-run']],
  ])('takes %s', (_, args, values, positionals) => {
    expect(readOptions(args, options)).toEqual({ values: { ...nothing, ...values }, positionals });
  });

  it.each([
    ['an option that is not there', ['--wtach'], "Unknown option '--wtach'"],
    ['a value that is missing', ['--namespace'], "Option '-n, --namespace <value>' argument missing"],
    ['a value that is empty', ['--namespace='], '--namespace takes NAME, not an empty text'],
    ['a word that it does not take', ['-o', 'xml'], '--output takes one of wide, json, not "xml"'],
    ['a switch with a word', ['--watch=yes'], "Option '-w, --watch' does not take an argument"],
  ])('refuses %s', (_, args, message) => {
    expect(() => readOptions(args, options)).toThrow(new UsageError(message));
  });
});

it('explains them within 80 columns', () => {
  const lines = optionLines(
    {
      ...options,
      'a-name-that-is-long': {
        value: 'WITH-A-VALUE',
        help: 'And a help that is so long that it goes on in the next line.',
      },
    },
    80,
  );
  expect(lines).toEqual([
    '  -n, --namespace NAME        Namespace.',
    '  -o, --output FORMAT         Format. One of wide, json.',
    '      --level LEVEL           Level. One of Application, Crash.',
    '      --dry-run[=WHERE]       Nothing. One of client, server.',
    '  -w, --watch                 Stay.',
    '      --a-name-that-is-long WITH-A-VALUE',
    '                              And a help that is so long that it goes on in the',
    '                              next line.',
  ]);
});
