/** What Argo CD does with live objects: its actions are answered by the operator, and its health follows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiVersion, type KindName } from '../../../src/api/kinds.ts';
import { annotations } from '../../../src/api/names.ts';
import { type Json, mergePatchOf } from '../../../src/runtime/merge-patch.ts';
import { argoAction, argoHealth, type Health } from '../../gitops/reader.ts';
import { customization } from '../../gitops/scripts.ts';
import { type AnyObject, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.set();
  namespace = await stage.cluster.createNamespace('argocd');
  stage.vm('web-1');
  stage.vm('web-2');
  await stage.operator();
  await stage.provider(namespace);
  await stage.snapshot(namespace, 'first', 'web-1');
  await stage.make('RestorePointCopy', namespace, 'first-copy', {
    source: { snapshotRef: { name: 'first' } },
    target: { location: 'northeurope' },
  });
  await stage.reason('RestorePointCopy', namespace, 'first-copy', 'Replicated');
}, 300_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

/** Runs an action as Argo CD does: the object goes through the script, and the difference is sent as a patch. */
async function act(action: string, kind: KindName, name: string): Promise<AnyObject> {
  const before = await stage.get(kind, namespace, name);
  const script = customization(kind).actions?.definitions.find((each) => each.name === action)?.[
    'action.lua'
  ];
  const [made] = await argoAction(script ?? '', [before]);
  const patch = mergePatchOf(before as unknown as Json, made?.value as Json);
  return stage.patch(kind, namespace, name, patch as object);
}

/** Has an object looked at by the action, and gives it as it is then. */
async function look(kind: KindName, name: string): Promise<AnyObject> {
  const token = (await act('reconcile', kind, name)).metadata.annotations?.[annotations.reconcileAt];
  expect(token).toBeDefined();
  return stage.until(
    kind,
    namespace,
    name,
    'the look that was asked for',
    ({ status }) => status?.lastHandledReconcileAt === token,
  );
}

async function healthOf(object: AnyObject): Promise<Health | undefined> {
  const [health] = await argoHealth(customization(object.kind).health ?? '', [object]);
  return health?.value;
}

async function collection(): Promise<string> {
  const [first] = await stage.list('RestorePointCollection', namespace);
  return first?.metadata.name ?? '';
}

describe('reconcile', () => {
  it.each<[KindName, () => Promise<string>]>([
    ['VMProvider', async () => 'azure'],
    ['VMSnapshot', async () => 'first'],
    ['RestorePointCollection', collection],
    ['RestorePointCopy', async () => 'first-copy'],
  ])('has a %s looked at, which stays healthy', async (kind, nameOf) => {
    const name = await nameOf();
    expect(await healthOf(await look(kind, name))).toMatchObject({ status: 'Healthy' });
  });
});

describe('pause', () => {
  it('holds up what has not begun, shown as Suspended, until resume', async () => {
    await stage.snapshot(namespace, 'held', 'web-2', {}, { annotations: { [annotations.paused]: 'true' } });
    const held = await stage.reason('VMSnapshot', namespace, 'held', 'Paused');
    expect(await healthOf(held)).toMatchObject({ status: 'Suspended' });

    await act('resume', 'VMSnapshot', 'held');
    const taken = await stage.reason('VMSnapshot', namespace, 'held', 'Available');
    expect(await healthOf(taken)).toMatchObject({ status: 'Healthy' });
  });

  it('leaves what is ready healthy', async () => {
    const paused = await act('pause', 'VMSnapshot', 'first');
    expect(paused.metadata.annotations?.[annotations.paused]).toBe('true');
    expect(await healthOf(await look('VMSnapshot', 'first'))).toMatchObject({ status: 'Healthy' });
    await act('resume', 'VMSnapshot', 'first');
  });
});

describe('what the operator writes', () => {
  it.each([
    ['server-side', ['--server-side', '--field-manager=gitops']],
    ['client-side', []],
  ])('is no difference to what lies in Git, and a second %s apply no change', async (way, flags) => {
    const manifest = JSON.stringify({
      apiVersion,
      kind: 'VMSnapshot',
      metadata: { name: `tracked-${way}`, namespace, annotations: { 'argocd.argoproj.io/tracking-id': 'a' } },
      spec: { providerRef: { name: 'azure' }, source: { vm: { name: 'web-1' } } },
    });
    const run = (verb: string) =>
      stage.cluster.kubectl([verb, '--filename=-', ...flags], { input: manifest });
    expect(await run('apply')).toMatchObject({ code: 0, stderr: '' });
    const taken = await stage.reason('VMSnapshot', namespace, `tracked-${way}`, 'Available');
    expect(await run('diff')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await run('apply')).toMatchObject({ code: 0, stderr: '' });
    expect(await stage.get('VMSnapshot', namespace, `tracked-${way}`)).toEqual(taken);
  });
});
