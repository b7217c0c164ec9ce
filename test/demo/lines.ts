/** The demo where there is no terminal: one line for each change. Pure. */
import { allOf, isStalled, type Observation, readyOf, type Shown } from './observation.ts';
import { clock } from './text.ts';

/**
 * What one object looks like in a line, without the time; undefined until its status says something. Two of them are
 * equal when nothing worth a line changed.
 */
export function lineOf(object: Shown): string | undefined {
  const ready = readyOf(object);
  const title = `${object.kind}/${object.metadata.name}`.padEnd(44);
  if (ready === undefined) return undefined;
  const replication = object.kind === 'VMProvider' ? undefined : replicationOf(object);
  if (replication !== undefined && ready.status !== 'True' && !isStalled(object)) {
    const disks = replication.disks.map(({ name, percent }) => `${name} ${percent ?? 0} %`).join(', ');
    return `${title}  ${ready.reason} ${replication.percent} % (${disks})`;
  }
  return `${title}  ${ready.reason}: ${ready.message}`;
}

function replicationOf(object: Shown) {
  const { status } = object;
  return status !== undefined && 'replication' in status ? status.replication : undefined;
}

/**
 * Tells what changed since the last call; remembers what was told.
 *
 * @param now milliseconds
 */
export class ChangeLog {
  readonly #told = new Map<string, string>();

  next(observation: Observation, now: number): string[] {
    const objects = allOf(observation);
    const lines: string[] = [];
    for (const object of objects) {
      const line = lineOf(object);
      if (line === undefined) continue;
      if (this.#told.get(object.metadata.uid) === line) continue;
      this.#told.set(object.metadata.uid, line);
      lines.push(`${clock(now)}  ${line}`);
    }
    const present = new Set(objects.map(({ metadata }) => metadata.uid));
    for (const [uid, line] of this.#told) {
      if (present.has(uid)) continue;
      this.#told.delete(uid);
      lines.push(`${clock(now)}  ${line.split('  ')[0]?.padEnd(44)}  is gone`);
    }
    return lines;
  }
}
