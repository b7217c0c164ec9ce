/** A span, as far as its place in a trace goes. */
export interface PlacedSpan {
  name: string;
  id: string;
  /** Absent for the first span of a trace. */
  parent?: string | undefined;
  /** When it began, in milliseconds. */
  startedAt: number;
}

/** The spans below one another, each after those that began before it: a line a span, indented. */
export function spanTree<S extends PlacedSpan>(
  spans: readonly S[],
  show: (span: S) => string = ({ name }) => name,
): string[] {
  const below = (parent: string | undefined, depth: number): string[] =>
    spans
      .filter((span) => span.parent === parent)
      .sort((a, b) => a.startedAt - b.startedAt)
      .flatMap((span) => [`${'  '.repeat(depth)}${show(span)}`, ...below(span.id, depth + 1)]);
  return below(undefined, 0);
}
