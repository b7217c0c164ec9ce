/** What commands that make an object have in common. */
import { group } from '../api/kinds.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { isAlreadyExists } from '../runtime/kube/errors.ts';
import type { KubeObject, ResourceType } from '../runtime/kube/types.ts';
import type { Call } from './command.ts';
import { Failure, UsageError } from './failure.ts';
import { checkDuration, type Manifest } from './manifests.ts';
import type { Options } from './options.ts';
import { say, structured } from './output.ts';

export const creationOptions = {
  'dry-run': {
    value: 'WHERE',
    words: ['client', 'server'],
    bare: 'client',
    help: 'Make nothing: client shows the manifest, server has the API server check it first.',
  },
  output: {
    value: 'FORMAT',
    short: 'o',
    words: ['yaml', 'json', 'name'],
    help: 'How the object is printed. Unset: a sentence.',
  },
} as const satisfies Options;

export const waitOptions = {
  wait: { help: 'Follow it to its end; the exit code says what came of it.' },
  timeout: {
    value: 'TIME',
    help: 'Longest wait, such as 90s or 2h. Unset: its own deadlines bound it.',
  },
} as const satisfies Options;

/**
 * The longest wait that was asked for, in milliseconds; undefined when none was. Throws a UsageError when there is
 * nothing to wait for.
 */
export function waitLimit({ values }: Call<typeof creationOptions & typeof waitOptions>): number | undefined {
  if (values.wait && values['dry-run'] !== undefined)
    throw new UsageError('--wait goes without --dry-run: nothing is made that could be waited for');
  return values.timeout === undefined ? undefined : checkDuration('timeout', values.timeout);
}

/**
 * Makes an object, or shows what it would be, and prints what was asked for.
 *
 * @returns whether it was made
 */
export async function create(
  call: Call<typeof creationOptions>,
  client: KubeClient,
  resource: ResourceType,
  manifest: Manifest<object>,
): Promise<boolean> {
  const { 'dry-run': dryRun, output } = call.values;
  const { name } = manifest.metadata;
  const object = dryRun === 'client' ? manifest : await send(client, resource, manifest, dryRun === 'server');
  const title = `${resource.kind.toLowerCase()}.${group}/${name}`;
  if (output === 'json' || output === 'yaml') call.stdout.write(structured(object, output));
  else if (output === 'name') say(call, title);
  else
    say(
      call,
      `${title} created${dryRun === undefined ? '' : dryRun === 'server' ? ' (server dry run)' : ' (dry run)'}`,
    );
  return dryRun === undefined;
}

async function send(
  client: KubeClient,
  resource: ResourceType,
  manifest: Manifest<object>,
  dryRun: boolean,
): Promise<object> {
  try {
    // Strict: a field that an older definition does not know would be dropped without a word.
    const made = await client.create<KubeObject>(resource, manifest, { dryRun, fieldValidation: 'Strict' });
    const { managedFields: _, ...metadata } = made.metadata as KubeObject['metadata'] & {
      managedFields?: unknown;
    };
    return { ...made, metadata };
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw new Failure(
      `${resource.kind} ${manifest.metadata.name} is there already`,
      'Give another name by --name: what a snapshot or restore is cannot be changed.',
    );
  }
}
