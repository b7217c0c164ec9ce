/** What changes, where there is no terminal: one line for each change. Pure. */
import { type AnyObject, isStalled, readyOf, replicationOf } from './objects.ts';
import { clock, harmless } from './text.ts';

/**
 * What one object looks like in a line, without the time; undefined until its status says something. Two of them are
 * equal when nothing worth a line changed.
 */
export function lineOf(object: AnyObject): string | undefined {
  const ready = readyOf(object);
  if (ready === undefined) return undefined;
  const replication = replicationOf(object);
  if (replication !== undefined && ready.status !== 'True' && !isStalled(object)) {
    const disks = replication.disks.map(({ name, percent }) => `${name} ${percent ?? 0} %`).join(', ');
    return `${titleOf(object)}  ${ready.reason} ${replication.percent} % (${harmless(disks)})`;
  }
  return `${titleOf(object)}  ${ready.reason}: ${harmless(ready.message)}`;
}

function titleOf({ kind, metadata }: AnyObject): string {
  return `${kind}/${metadata.name}`.padEnd(44);
}

/** Tells what changed since the last call; remembers what was told. */
export class ChangeLog {
  readonly #told = new Map<string, { title: string; line: string }>();

  /**
   * @param objects all that are there
   * @param now milliseconds
   */
  next(objects: AnyObject[], now: number): string[] {
    const lines: string[] = [];
    for (const object of objects) {
      const line = lineOf(object);
      if (line === undefined) continue;
      if (this.#told.get(object.metadata.uid)?.line === line) continue;
      this.#told.set(object.metadata.uid, { title: titleOf(object), line });
      lines.push(`${clock(now)}  ${line}`);
    }
    const present = new Set(objects.map(({ metadata }) => metadata.uid));
    for (const [uid, { title }] of this.#told) {
      if (present.has(uid)) continue;
      this.#told.delete(uid);
      lines.push(`${clock(now)}  ${title}  is gone`);
    }
    return lines;
  }
}
