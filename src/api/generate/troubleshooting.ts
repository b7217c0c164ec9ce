import { formatDuration } from '../duration.ts';
import { graceMs, type ReasonEntry, reasons } from '../reasons.ts';
import { table } from './markdown.ts';

/** How GitOps tools read an object, in words, by what the table of reasons says. */
const readings: Record<ReasonEntry['reads'], { name: string; words: string; waiting?: string }> = {
  InProgress: {
    name: 'in progress',
    words:
      'In progress: Ready is False and Reconciling is True. Flux and kstatus say InProgress, Argo CD Progressing.',
    waiting:
      'In progress, but for a person: Ready is False and Reconciling is True. Flux and kstatus say InProgress, Argo CD Suspended.',
  },
  FailedAfterGrace: {
    name: 'in progress, then failed',
    words: `In progress for ${formatDuration(graceMs)} from the creation of the object, since what is missing may still be on its way; then failed: Ready is False and Stalled is True.`,
  },
  Failed: {
    name: 'failed',
    words: 'Failed: Ready is False and Stalled is True. Flux and kstatus say Failed, Argo CD Degraded.',
  },
  Current: {
    name: 'current',
    words: 'Current: Ready is True. Flux and kstatus say Current, Argo CD Healthy.',
  },
  Keep: {
    name: 'as before',
    words:
      'As before: Ready and Stalled stay as they were; nothing is under way. An object that had no Ready yet gets Unknown, which Flux and kstatus read as InProgress. Argo CD says Suspended where it is neither ready nor failed.',
  },
};

/** The page docs/troubleshooting.md: what each reason means, how it is read, and what to do. */
export function troubleshootingPage(): string {
  const entries: [string, ReasonEntry][] = Object.entries(reasons);
  const sections = [
    '<!-- Written by npm run generate from src/api/reasons.ts. Do not edit. -->',
    '# Troubleshooting',
    'Every object says in its condition `Ready` how it is: the reason is one of those below, and the message has the particulars:',
    '```sh\nkubectl get keyframe --all-namespaces          # Ready and Reason of everything\nkubectl describe vmsnapshot <name>             # the messages, and the Events\nkubectl get vmproviders,clustervmproviders -A  # whether the vendors answer\n```',
    'To have an object looked at again at once, give the annotation `keyframe.dev/reconcile-at` a new value; `status.lastHandledReconcileAt` answers with it.',
    table(
      ['Reason', 'GitOps tools read', 'Meaning'],
      entries.map(([name, entry]) => [
        `[${name}](#${name.toLowerCase()})`,
        readings[entry.reads].name,
        entry.meaning,
      ]),
    ),
  ];
  for (const [name, entry] of entries) {
    const { words, waiting } = readings[entry.reads];
    const read = entry.awaitsPerson && waiting !== undefined ? waiting : words;
    sections.push(
      `## ${name}`,
      entry.meaning,
      `**How it is read.** ${read}${entry.terminal ? ' Nothing is tried again for this object.' : ''}`,
      `**What to do.** ${entry.advice}`,
    );
  }
  return `${sections.join('\n\n')}\n`;
}
