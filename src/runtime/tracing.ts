/**
 * Traces, by OpenTelemetry's API alone. The SDK that collects and sends them comes by the environment (an
 * `--import` in NODE_OPTIONS); without one nothing is recorded, and all of this costs next to nothing.
 */
import {
  type Attributes,
  context,
  isSpanContextValid,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { redactText } from './redact.ts';

/** The name by which backends know who made the spans. */
const tracer = trace.getTracer('keyframe');

/** What a span says from its beginning. */
export interface SpanBeginning {
  /** One of few: no ids, no names of objects. */
  name: string;
  attributes: Attributes;
}

/** What a span says at its end. */
export interface SpanEnd {
  attributes?: Attributes;
  /** Why what was done failed; secrets are taken out of it here. */
  error?: string | undefined;
}

/**
 * Runs something in a trace of its own.
 *
 * @param end what to say of the result
 */
export function inTrace<T>(
  { name, attributes }: SpanBeginning,
  run: () => Promise<T>,
  end: (result: T) => SpanEnd,
): Promise<T> {
  const options = { kind: SpanKind.INTERNAL, attributes: redacted(attributes), root: true };
  return tracer.startActiveSpan(name, options, (span) => finished(span, run, end));
}

/**
 * Runs a request to another program in a span below the one that is active; where none is, as in the election of a
 * leader, nothing is recorded.
 *
 * @param end what to say of the result
 */
export function inRequestSpan<T>(
  { name, attributes }: SpanBeginning,
  run: () => Promise<T>,
  end: (result: T) => SpanEnd,
): Promise<T> {
  if (trace.getActiveSpan() === undefined) return run();
  const options = { kind: SpanKind.CLIENT, attributes: redacted(attributes) };
  return tracer.startActiveSpan(name, options, (span) => finished(span, run, end));
}

/** Makes what is done later, from a queue, part of the trace that is active now. */
export function partOfThisTrace<T>(run: () => T): () => T {
  return context.bind(context.active(), run);
}

/** The ids of the span that is active, for logs; nothing where none is recorded. */
export function traceFields(): { traceID?: string; spanID?: string } {
  const ids = trace.getActiveSpan()?.spanContext();
  return ids !== undefined && isSpanContextValid(ids) ? { traceID: ids.traceId, spanID: ids.spanId } : {};
}

async function finished<T>(span: Span, run: () => Promise<T>, end: (result: T) => SpanEnd): Promise<T> {
  try {
    const result = await run();
    if (span.isRecording()) {
      const { attributes = {}, error } = end(result);
      span.setAttributes(redacted(attributes));
      if (error !== undefined) fail(span, error);
    }
    return result;
  } catch (error) {
    fail(span, error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    span.end();
  }
}

function fail(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: redactText(message) });
}

function redacted(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'string' ? redactText(value) : value,
    ]),
  );
}
