import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from './kube/types.ts';
import { Store } from './store.ts';

interface Widget extends KubeObject {
  colour: string;
}

const names = fc.constantFrom('a', 'b', 'c');
const colours = fc.constantFrom('red', 'blue');
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), name: names, colour: colours }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name: names }) },
    // Deliver the next event of the watch, or any that came before again.
    { weight: 6, arbitrary: fc.record({ do: fc.constant('next' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const), pick: fc.nat() }) },
    // Our own write, whose answer is folded in at any later time.
    { weight: 2, arbitrary: fc.record({ do: fc.constant('put' as const), pick: fc.nat() }) },
    // The watch breaks and everything is listed; what was not delivered is lost.
    { weight: 1, arbitrary: fc.record({ do: fc.constant('relist' as const) }) },
  ),
  { maxLength: 100 },
);

describe('the store', () => {
  it('ends as the server, whatever was lost, doubled or late, and its handlers saw every step', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        // The server: its objects, and the history of events.
        const served = new Map<string, Widget>();
        const history: { type: 'set' | 'deleted'; object: Widget }[] = [];
        let version = 10;
        let uids = 0;
        let delivered = 0;
        const came: (typeof history)[number][] = [];
        let mark = 0;
        // What a handler builds from its calls.
        const mirror = new Map<string, Widget>();
        const store = new Store<Widget>({ colour: (object) => [object.colour] }, (error) => {
          throw error;
        });
        store.on({
          added(object) {
            expect(mirror.has(object.metadata.name)).toBe(false);
            mirror.set(object.metadata.name, object);
          },
          updated(before, after) {
            expect(mirror.get(after.metadata.name)).toBe(before);
            expect(after.metadata.uid).toBe(before.metadata.uid);
            expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(
              Number(before.metadata.resourceVersion),
            );
            mirror.set(after.metadata.name, after);
          },
          deleted(object) {
            expect(mirror.get(object.metadata.name)?.metadata.uid).toBe(object.metadata.uid);
            mirror.delete(object.metadata.name);
          },
        });
        const deliver = (event: (typeof history)[number] | undefined) => {
          if (event?.type === 'set') store.apply(event.object, '', mark);
          else if (event?.type === 'deleted') store.remove(event.object);
        };
        const relist = () => {
          mark++;
          for (const object of served.values()) store.apply(object, '', mark);
          store.sweep('', mark, String(version));
          delivered = history.length;
        };

        relist();
        for (const step of sequence) {
          if (step.do === 'write') {
            const uid = served.get(step.name)?.metadata.uid ?? `uid-${uids++}`;
            const metadata = { name: step.name, uid, resourceVersion: String(++version) };
            const object = { metadata, colour: step.colour };
            served.set(step.name, object);
            history.push({ type: 'set', object });
          } else if (step.do === 'delete') {
            const object = served.get(step.name);
            if (object === undefined) continue;
            served.delete(step.name);
            const metadata = { ...object.metadata, resourceVersion: String(++version) };
            history.push({ type: 'deleted', object: { ...object, metadata } });
          } else if (step.do === 'next') {
            const event = history[delivered];
            if (event === undefined) continue;
            delivered++;
            came.push(event);
            deliver(event);
          } else if (step.do === 'again') {
            if (came.length > 0) deliver(came[step.pick % came.length]);
          } else if (step.do === 'put') {
            const event = history.length > 0 ? history[step.pick % history.length] : undefined;
            if (event?.type === 'set') store.put(event.object);
          } else {
            relist();
          }
          expect(new Map(store.list().map((object) => [object.metadata.name, object]))).toEqual(mirror);
          const indexed = ['red', 'blue'].flatMap((colour) => store.byIndex('colour', colour));
          expect(new Set(indexed)).toEqual(new Set(store.list()));
        }
        while (delivered < history.length) deliver(history[delivered++]);
        expect(mirror).toEqual(served);
      }),
      { numRuns: 1_000 },
    );
  });

  it('forgets deletions after a thousand more', () => {
    const store = new Store<Widget>({}, () => undefined);
    const make = (index: number, resourceVersion: string) => ({
      metadata: { name: `w${index}`, uid: `uid-${index}`, resourceVersion },
      colour: 'red',
    });
    for (let index = 0; index <= 1_000; index++) store.remove(make(index, '100'));
    store.put(make(0, '99'));
    store.put(make(1, '99'));
    expect(store.list().map((object) => object.metadata.name)).toEqual(['w0']);
  });

  it('tells of an indexer that throws, and goes on without it', () => {
    const errors: unknown[] = [];
    const indexers = {
      broken(): string[] {
        throw new Error('no');
      },
    };
    const store = new Store<Widget>(indexers, (error) => errors.push(error));
    store.apply({ metadata: { name: 'a', uid: 'u', resourceVersion: '1' }, colour: 'red' }, '', 1);
    expect([store.size, store.byIndex('broken', 'x'), errors.length]).toEqual([1, [], 1]);
  });
});
