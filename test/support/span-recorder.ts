/**
 * An SDK of OpenTelemetry as the environment of an operator brings one, by `--import` in NODE_OPTIONS: it writes each
 * span as a line of JSON into the file that KEYFRAME_TEST_SPANS names.
 */
import { appendFileSync } from 'node:fs';
import {
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { RecordedSpan } from './recorded-spans.ts';

const file = process.env.KEYFRAME_TEST_SPANS;
// npm and Node.js itself run with the same environment.
if (file !== undefined) {
  const line = (span: ReadableSpan): string => {
    const { traceId, spanId } = span.spanContext();
    const recorded: RecordedSpan = {
      traceID: traceId,
      id: spanId,
      parent: span.parentSpanContext?.spanId,
      name: span.name,
      attributes: span.attributes,
      error: span.status.message,
      startedAt: span.startTime[0] * 1e3 + span.startTime[1] / 1e6,
    };
    return `${JSON.stringify(recorded)}\n`;
  };
  const exporter: SpanExporter = {
    export(spans, done) {
      appendFileSync(file, spans.map(line).join(''));
      done({ code: 0 });
    },
    shutdown: async () => {},
  };
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
}
