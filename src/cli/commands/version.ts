import { isForbidden } from '../../runtime/kube/errors.ts';
import { connect } from '../cluster.ts';
import { type Call, command, connectionOptions } from '../command.ts';
import { operatorImages, serverFacts } from '../doctor/gather.ts';
import { RawReader } from '../doctor/raw.ts';
import { exitCodes } from '../failure.ts';
import { say, structured } from '../output.ts';

const options = {
  client: { help: 'Only that of this plugin: no cluster is asked.' },
  output: { value: 'FORMAT', short: 'o', words: ['json', 'yaml'], help: 'For machines.' },
  ...connectionOptions,
} as const;

export const version = command({
  name: 'version',
  arguments: '',
  argumentCount: [0, 0],
  summary: 'Shows the versions of plugin, operators and Kubernetes',
  description: ['What may not be seen is left out; doctor says more.'],
  examples: [
    { text: 'All versions.', command: 'version' },
    { text: 'Without a cluster.', command: 'version --client' },
  ],
  options,
  run,
});

async function run(call: Call<typeof options>): Promise<number> {
  const { values } = call;
  const versions: { plugin: string; kubernetes?: string; operators?: string[] } = { plugin: call.version };
  if (!values.client) {
    await using cluster = await connect(values, call.version);
    await using raw = new RawReader(cluster.connection, `kubectl-keyframe/${call.version}`);
    const { version } = await serverFacts(raw);
    if (version !== undefined) versions.kubernetes = version;
    try {
      versions.operators = await operatorImages(cluster.client, 'keyframe-system');
    } catch (error) {
      if (!isForbidden(error)) throw error;
    }
  }
  if (values.output !== undefined) {
    call.stdout.write(structured(versions, values.output as 'json'));
  } else {
    say(call, `kubectl-keyframe ${versions.plugin}`);
    for (const image of versions.operators ?? []) say(call, `operator         ${image}`);
    if (versions.kubernetes !== undefined) say(call, `Kubernetes       ${versions.kubernetes}`);
  }
  return exitCodes.done;
}
