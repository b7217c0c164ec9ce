import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PlacedSpan } from './span-tree.ts';

/** A span as span-recorder.ts writes it. */
export interface RecordedSpan extends PlacedSpan {
  traceID: string;
  attributes: Record<string, unknown>;
  /** Why what it stands for failed. */
  error?: string | undefined;
}

/** The environment with which an operator records its spans into a file. */
export function recordingInto(file: string): NodeJS.ProcessEnv {
  const recorder = fileURLToPath(new URL('span-recorder.ts', import.meta.url));
  return { NODE_OPTIONS: `--import=${recorder}`, KEYFRAME_TEST_SPANS: file };
}

/** The spans that were recorded so far, trace by trace, in the order in which the traces began. */
export function recordedTraces(file: string): RecordedSpan[][] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // The last line may still be on its way.
  const spans = lines.slice(0, -1).map((line) => JSON.parse(line) as RecordedSpan);
  const traces = Map.groupBy(spans, ({ traceID }) => traceID);
  const beginning = (trace: RecordedSpan[]) => Math.min(...trace.map(({ startedAt }) => startedAt));
  return [...traces.values()].sort((a, b) => beginning(a) - beginning(b));
}
