import { type KindName, kinds } from '../../src/api/kinds.ts';
import type { Stage } from './stage.ts';

/**
 * Where the operators of a stage showed what must stay secret: client secrets, bearer tokens, and the signed query
 * of polling URLs, in any line of their logs, Event, condition or metric.
 *
 * @param secrets client secrets that were in use beside the one that Azure takes at first
 * @returns the places with what was found there; empty when all is well
 */
export async function leaks(stage: Stage, secrets: string[] = []): Promise<string[]> {
  const signatures = stage.azure.world.operations
    .list()
    .flatMap(({ signedQuery }) => [...new URLSearchParams(signedQuery)])
    .filter(([name]) => ['c', 's', 'h'].includes(name))
    .map(([, value]) => ({ what: 'polling URL', mark: value.slice(0, 24) }));
  const marks = [
    ...[stage.azure.clientSecret, ...secrets].map((mark) => ({ what: 'client secret', mark })),
    { what: 'bearer token', mark: tokenBeginning },
    ...signatures,
  ];
  return (await everythingSaid(stage)).flatMap(({ place, text }) =>
    marks
      .map(({ what, mark }) => ({ what, at: text.indexOf(mark) }))
      .filter(({ at }) => at >= 0)
      .map(({ what, at }) => `${what} in ${place}: ${text.slice(Math.max(0, at - 200), at + 50)}`),
  );
}

/** How every token of the simulated authority begins. */
const tokenBeginning = Buffer.from('{"typ":"JWT"').toString('base64url').slice(0, 15);

async function everythingSaid(stage: Stage): Promise<{ place: string; text: string }[]> {
  const said: { place: string; text: string }[] = [];
  for (const operator of stage.operators) {
    said.push({ place: 'the log', text: operator.tail(operator.log.length) });
    if (operator.running) said.push({ place: 'the metrics', text: await operator.metrics() });
  }
  for (const event of await stage.events())
    said.push({ place: `an Event of ${event.regarding.name}`, text: event.note });
  for (const kind of Object.keys(kinds) as KindName[]) {
    for (const { metadata, status } of await stage.list(kind)) {
      // status.operation holds the polling URL while it is needed; it is not made to be shown.
      const text = JSON.stringify({ ...status, operation: undefined });
      said.push({ place: `the status of ${kind} ${metadata.name}`, text });
    }
  }
  return said;
}
