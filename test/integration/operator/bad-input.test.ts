import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiVersion } from '../../../src/api/kinds.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { createCertificateAuthority } from '../../simulators/common/tls.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { operatorNamespace, ready, Stage } from '../../support/stage.ts';
import { badObjects, copyOf } from './bad-objects.ts';

const wrongSecret = 'a-wrong-secret-of-someone';
const hour = 3_600_000;

describe('what is asked wrongly', () => {
  let stage: Stage;
  let namespace: string;
  /** Restore points that are there by right. */
  let rightful: string[];

  beforeAll(async () => {
    stage = await Stage.set({
      azure: { durations: { replicationSeconds: 20, replicationRefreshSeconds: 10 } },
    });
    const { azure, cluster } = stage;
    namespace = await cluster.createNamespace('bad');
    const web = stage.vm('web', { dataDisks: [{ name: 'web-data' }] });
    const db = stage.vm('db');
    await stage.operator();
    await stage.provider(namespace);
    await makeProviders();

    const collection = (name: string) =>
      azure.addCollection({ name, resourceGroup: 'rg-test', sourceId: web.id }).id;
    const [strangers, backups] = [collection('strangers'), collection('AzureBackup_web')];
    const point = (collectionId: string, name: string, ageMs: number) =>
      azure.addPoint({ collectionId, name, timeCreated: Date.now() - ageMs }).id;
    const [older, newer] = [point(strangers, 'older', 4 * hour), point(strangers, 'newer', 3 * hour)];
    const [adopted, backup] = [point(strangers, 'adopted', 2 * hour), point(backups, 'AzureBackup_1', hour)];

    await Promise.all([
      stage.snapshot(namespace, 'good', 'web'),
      stage.snapshot(namespace, 'adopts', 'web', { source: { existing: { id: adopted } } }),
      stage.make('RestorePointCopy', namespace, 'copies-newer', copyOf(newer, 'northeurope')),
      stage.make('RestorePointCollection', namespace, 'of-db', {
        providerRef: { name: 'azure' },
        source: { vm: { name: 'db' } },
      }),
      stage.make('RestorePointCollection', namespace, 'web-elsewhere', {
        providerRef: { name: 'azure' },
        source: { vm: { name: 'web' } },
        location: 'northeurope',
      }),
    ]);
    const good = await stage.reason('VMSnapshot', namespace, 'good', 'Available');
    const copied = await stage.reason('RestorePointCopy', namespace, 'copies-newer', 'Replicated');
    await stage.reason('VMSnapshot', namespace, 'adopts', 'Available');
    await stage.reason('RestorePointCollection', namespace, 'of-db', 'Available');
    await stage.reason('RestorePointCollection', namespace, 'web-elsewhere', 'Available');
    rightful = azure.points().map(({ id }) => id);

    const given = {
      subscriptionID: azure.subscriptionId,
      web: web.id,
      osDisk: web.osDisk.name,
      db: db.id,
      ...{ strangers, older, newer, adopted, backup },
      good: String(good.status?.snapshotID),
      copied: String(copied.status?.restorePointID),
    };
    await Promise.all(
      badObjects.map(({ kind = 'VMSnapshot', name, spec }) => stage.make(kind, namespace, name, spec(given))),
    );
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  async function makeProviders(): Promise<void> {
    const { azure } = stage;
    const make = (name: string, change: Parameters<Stage['providerSpec']>[1], secret = 'azure') =>
      stage.make('VMProvider', namespace, name, stage.providerSpec(secret, change));
    const { certificatePem } = await createCertificateAuthority('Somebody else');
    const clientSecret = { clientID: azure.clientId, secretRef: { name: 'azure', key: 'password' } };
    const spec = { probeInterval: '1s' };
    await Promise.all([
      stage.provider(namespace, { name: 'wrong-secret', secret: wrongSecret, spec }),
      make('secret-absent', { spec }, 'not-there'),
      make('key-absent', { azure: { auth: { clientSecret } }, spec }),
      make('foreign-ca', { spec: { ...spec, tls: { caBundle: certificatePem } } }),
      make('no-group', { azure: { resourceGroup: undefined } }),
      make('ambient', { azure: { auth: { managedIdentity: {} } } }),
      make('wrong-subscription', { azure: { subscriptionID: '01234567-89ab-cdef-0123-456789abcdef' } }),
      make('no-such-group', { azure: { resourceGroup: 'rg-gone' } }),
      make('old-api', { azure: { apiVersions: { compute: '2019-03-01' } } }),
    ]);
    await stage.secret(operatorNamespace, 'azure', azure.clientSecret);
    const makeForAll = (name: string, access: object[]) =>
      stage.make('ClusterVMProvider', undefined, name, stage.providerSpec('azure', { spec: { access } }));
    await makeForAll('closed', []);
    await makeForAll('snapshots-only', [
      { namespaceSelector: {}, operations: ['Snapshot'], targets: { locations: ['West Europe'] } },
    ]);
    await makeForAll('for-others', [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'others' } },
        operations: ['Snapshot'],
        vms: { names: ['web'] },
      },
    ]);
  }

  it.each(badObjects)('$what ends in $reason, with what to do', async ({ kind, name, reason, says }) => {
    const object = await stage.reason(kind ?? 'VMSnapshot', namespace, name, reason);
    const condition = ready(object);
    expect(condition?.status).toBe('False');
    for (const words of says) expect(condition?.message).toMatch(words);
    // Fresh objects are within the grace of reasons that have one.
    expect(kstatus(object)).toBe(reasons[reason].reads === 'Failed' ? 'Failed' : 'InProgress');
    expect(object.status?.observedGeneration).toBe(object.metadata.generation);
    expect(object.status?.readyToUse ?? false).toBe(false);
    const event = await stage.event(namespace, name, reason);
    expect(event.note).toMatch(says[0] ?? '');
  });

  it.each([
    ['a wrong secret', 'wrong-secret', 'AuthenticationFailed', /7000215/, /Secret/],
    ['an absent Secret', 'secret-absent', 'ReferenceNotFound', /Secret .*not-there/, /Make it/],
    ['an absent key', 'key-absent', 'ReferenceNotFound', /the key password/, /secretRef\.key/],
    ['a foreign certificate', 'foreign-ca', 'ProviderUnavailable', /certificate/, /spec\.tls/],
    ['an absent resource group', 'no-such-group', 'SourceNotFound', /rg-gone/, /spec\.azure\.resourceGroup/],
    ['an ambient identity', 'ambient', 'AccessDenied', /managedIdentity/, /Use clientSecret/],
    [
      'another subscription',
      'wrong-subscription',
      'PermissionDenied',
      /Subscription/,
      /spec\.azure\.subscriptionID/,
    ],
    [
      'an api-version that Azure has not',
      'old-api',
      'UnsupportedByProvider',
      /2019-03-01/,
      /spec\.azure\.apiVersions/,
    ],
  ])('a provider with %s says so', async (_, name, reason, ...says) => {
    const provider = await stage.reason('VMProvider', namespace, name, reason);
    expect(ready(provider)?.status).toBe('False');
    for (const words of says) expect(ready(provider)?.message).toMatch(words);
    expect(reasons).toHaveProperty(reason);
  });

  it.each([
    [
      'a collection name that Azure does not take',
      'RestorePointCollection',
      { name: 'c'.repeat(81), source: { vm: { name: 'web' } } },
      /80/,
    ],
    [
      'the adoption of a collection of Azure Backup',
      'RestorePointCollection',
      {
        source: {
          adopt: {
            id: '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/restorePointCollections/AzureBackup_web',
          },
        },
      },
      /leave it to Azure Backup/,
    ],
    ['the name of a VM with its path', 'VMSnapshot', { source: { vm: { name: 'rg/web' } } }, /goes into id/],
  ])('the API server itself refuses %s', async (_, kind, spec, message) => {
    const object = {
      apiVersion,
      kind,
      metadata: { name: 'refused', namespace },
      spec: { providerRef: { name: 'azure' }, ...spec },
    };
    const { stderr, code } = await stage.cluster.kubectl(['create', '-f', '-'], {
      input: JSON.stringify(object),
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it('makes nothing at Azure and sends nothing that Azure would refuse as malformed', () => {
    expect(stage.azure.points().map(({ id }) => id)).toEqual(rightful);
    const malformed = stage.azure.contractViolations.filter(({ url }) => !url.includes('2019-03-01'));
    expect(malformed).toEqual([]);
  });

  it('goes on by itself when the collection appears', async () => {
    await stage.make('RestorePointCollection', namespace, 'comes-later', {
      providerRef: { name: 'azure' },
      source: { vm: { name: 'db' } },
    });
    await stage.reason('VMSnapshot', namespace, 'no-collection', 'Available');
  });

  it('goes on by itself when the Secret is put right', async () => {
    await stage.secret(namespace, 'wrong-secret', stage.azure.clientSecret);
    await stage.reason('VMProvider', namespace, 'wrong-secret', 'Available');
    await stage.reason('VMSnapshot', namespace, 'through-wrong-secret', 'Available');
  });

  it('goes on by itself when the access is granted', async () => {
    const access = [{ namespaceSelector: {}, operations: ['Snapshot'], vms: { ids: [stage.vmID('web')] } }];
    await stage.patch('ClusterVMProvider', undefined, 'closed', { spec: { access } });
    await stage.reason('VMSnapshot', namespace, 'closed', 'Available');
  });

  it('goes on by itself when the provider appears', async () => {
    await stage.provider(namespace, { name: 'absent' });
    // The third of VM web within the hour; another would wait.
    await stage.reason('VMSnapshot', namespace, 'no-provider', 'Queued');
  });

  it('looks at once when asked to, after the VM has come', async () => {
    stage.vm('ghost');
    await stage.annotate('VMSnapshot', namespace, 'unknown-vm', { 'keyframe.dev/reconcile-at': 'now' });
    const { status } = await stage.reason('VMSnapshot', namespace, 'unknown-vm', 'Available');
    expect(status?.lastHandledReconcileAt).toBe('now');
  });

  it('gives away no secret', async () => {
    expect(await leaks(stage, [wrongSecret])).toEqual([]);
    // It would be seen.
    await stage.patchStatus('VMSnapshot', namespace, 'unknown-vm', {
      vendor: { provisioningState: `Bearer ${wrongSecret}` },
    });
    expect(await leaks(stage, [wrongSecret])).toEqual([
      expect.stringContaining('client secret in the status of VMSnapshot unknown-vm'),
    ]);
  });
});
