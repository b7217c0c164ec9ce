import { connect } from '../cluster.ts';
import { type Call, command, connectionOptions, namespaceOption } from '../command.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { gatherFacts } from '../doctor/gather.ts';
import { findingLines, sumOf } from '../doctor/view.ts';
import { exitCodes } from '../failure.ts';
import { lookOf, say, structured } from '../output.ts';

const options = {
  namespace: {
    ...namespaceOption.namespace,
    help: "Look only into this namespace. Unset: into all, or, where you may not, into the context's.",
  },
  'operator-namespace': {
    value: 'NAME',
    suggests: 'namespaces',
    help: 'Where the operator is, if it is not found by its labels. Unset: keyframe-system.',
  },
  output: { value: 'FORMAT', short: 'o', words: ['json', 'yaml'], help: 'For machines.' },
  ...connectionOptions,
} as const;

export const doctor = command({
  name: 'doctor',
  arguments: '',
  argumentCount: [0, 0],
  summary: 'Looks for what is wrong with an installation, and what to do',
  description: [
    'Looks at the version of Kubernetes, the clocks, the definitions of the kinds, your rights and those of the operator, its Deployment and Lease, the providers, and at objects that failed, are overdue or that nobody looks at. For each thing that is wrong it says what to do.',
    'It only reads. What you may not see is told as not seen, and is nothing wrong. The exit code is 1 when something is wrong.',
  ],
  examples: [
    { text: 'The whole cluster.', command: 'doctor' },
    { text: 'What a team may see.', command: 'doctor -n team-a' },
    { text: 'Only what is wrong.', command: `doctor -o json | jq '.findings[]|select(.judgement=="wrong")'` },
  ],
  options,
  run,
});

async function run(call: Call<typeof options>): Promise<number> {
  const { values } = call;
  await using cluster = await connect(values, call.version);
  const findings = diagnose(
    await gatherFacts(cluster, call.version, {
      namespace: values.namespace,
      operatorNamespace: values['operator-namespace'] ?? 'keyframe-system',
    }),
  );
  const format = values.output as 'json' | 'yaml' | undefined;
  if (format === undefined) say(call, findingLines(findings, lookOf(call.stdout, call.env)));
  else call.stdout.write(structured({ findings, sum: sumOf(findings) }, format));
  return findings.some(({ judgement }) => judgement === 'wrong') ? exitCodes.failed : exitCodes.done;
}
