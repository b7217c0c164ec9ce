/** What people can do with Keyframe's objects in Argo CD, run by the interpreter that it has. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type KindName, kinds } from '../../../src/api/kinds.ts';
import { annotations } from '../../../src/api/names.ts';
import { type Fixture, readFixtures } from '../../gitops/fixtures.ts';
import { argoAction, argoDiscovery } from '../../gitops/reader.ts';
import { type ActionTest, actionsFolder, customization, text, yaml } from '../../gitops/scripts.ts';

const names = Object.keys(kinds) as KindName[];
const fixtures = [...readFixtures().values()];

/** The time that the action `reconcile` writes. */
const token = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** The object with its annotations changed; `undefined` takes one away. */
function annotated(object: object, change: Record<string, unknown>): object {
  const { metadata, ...rest } = structuredClone(object) as Fixture;
  const all: Record<string, unknown> = { ...metadata.annotations, ...change };
  const left = Object.entries(all).filter(([, value]) => value !== undefined);
  return { ...rest, metadata: { ...metadata, annotations: Object.fromEntries(left) } };
}

describe.each(names)('%s in Argo CD', (kind) => {
  const objects = fixtures.filter((fixture) => fixture.kind === kind);
  const { actions } = customization(kind);
  const discovery = actions?.['discovery.lua'] ?? '';
  const scriptOf = (action: string) =>
    actions?.definitions.find(({ name }) => name === action)?.['action.lua'] ?? '';

  it('offers the actions that argocd-cm defines, whatever its status is', async () => {
    for (const { value } of await argoDiscovery(discovery, objects))
      expect(Object.keys(value ?? {}).sort()).toEqual(actions?.definitions.map(({ name }) => name).sort());
  });

  it('has the same scripts in the layout of Argo CD', () => {
    expect(text(join(actionsFolder(kind), 'discovery.lua'))).toBe(discovery);
    for (const { name, 'action.lua': script } of actions?.definitions ?? [])
      expect(text(join(actionsFolder(kind), name, 'action.lua'))).toBe(script);
  });

  it('is looked at again by reconcile, and nothing else of it is changed', async () => {
    for (const [index, { value }] of (await argoAction(scriptOf('reconcile'), objects)).entries()) {
      const change = { [annotations.reconcileAt]: expect.stringMatching(token) };
      expect(value).toEqual(annotated(objects[index] as object, change));
    }
  });

  // A provider begins nothing that could be paused.
  if (!kind.endsWith('VMProvider'))
    it('is paused by pause and goes on by resume, and nothing else of it is changed', async () => {
      const running = objects.map((object) => annotated(object, { [annotations.paused]: undefined }));
      const paused = running.map((object) => annotated(object, { [annotations.paused]: 'true' }));
      const toPaused = await argoAction(scriptOf('pause'), running);
      expect(toPaused.map(({ value }) => value)).toEqual(paused);

      const toRunning = await argoAction(scriptOf('resume'), paused);
      expect(toRunning.map(({ value }) => value)).toEqual(running);

      const offered = await argoDiscovery(discovery, [...running, ...paused]);
      const enabled = offered.map(({ value }) => [!value?.pause?.disabled, !value?.resume?.disabled]);
      expect(enabled).toEqual([...running.map(() => [true, false]), ...paused.map(() => [false, true])]);
    });
});

it('the actions of a VMSnapshot pass what Argo CD would test', async () => {
  const folder = actionsFolder('VMSnapshot');
  const { discoveryTests, actionTests } = yaml<ActionTest>(join(folder, 'action_test.yaml'));
  const at = (path: string) => yaml<object>(join(folder, path));
  const script = (path: string) => text(join(folder, path));
  for (const { inputPath, result } of discoveryTests) {
    const [found] = await argoDiscovery(script('discovery.lua'), [at(inputPath)]);
    expect(found?.value).toEqual(Object.fromEntries(result.map(({ name, ...rest }) => [name, rest])));
  }
  for (const { action, inputPath, expectedOutputPath } of actionTests) {
    const [made] = await argoAction(script(`${action}/action.lua`), [at(inputPath)]);
    const change = action === 'reconcile' ? { [annotations.reconcileAt]: expect.stringMatching(token) } : {};
    expect(made?.value).toEqual(annotated(at(expectedOutputPath), change));
  }
  expect(actionTests.map(({ action }) => action).sort()).toEqual(['pause', 'reconcile', 'resume']);
});
