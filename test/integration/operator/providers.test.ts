import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCertificateAuthority } from '../../simulators/common/tls.ts';
import { leaks } from '../../support/leaks.ts';
import { type AnyObject, operatorNamespace, ready, Stage } from '../../support/stage.ts';

const rotated = 'the-secret-after-rotation';
const again = 'the-secret-after-that';
/** A probe each second, and what a busy machine may add to it. */
const withinOneProbe = 4_000;

describe('a provider', () => {
  let stage: Stage;
  let namespace: string;

  beforeAll(async () => {
    stage = await Stage.set();
    namespace = await stage.cluster.createNamespace('providers');
    stage.vm('web');
    stage.vm('db');
    await stage.operator();
    await stage.provider(namespace, { spec: { probeInterval: '1s' } });
    await stage.snapshot(namespace, 'settled', 'web');
    await stage.reason('VMSnapshot', namespace, 'settled', 'Available');
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  const becomes = (reason: string) => stage.reason('VMProvider', namespace, 'azure', reason, withinOneProbe);
  const credentials = (provider: AnyObject) =>
    provider.status?.conditions?.find(({ type }) => type === 'CredentialsValid')?.status;
  const settled = async () => (await stage.get('VMSnapshot', namespace, 'settled')).metadata.resourceVersion;

  it('takes a rotated Secret without a restart, and falls when the old one is refused', async () => {
    stage.azure.identity.rotateSecret(stage.azure.clientId, rotated);
    // The token that is held stays good until it is revoked.
    stage.azure.identity.revokeTokens();
    const refused = await becomes('AuthenticationFailed');
    expect(credentials(refused)).toBe('False');
    expect(ready(refused)?.message).toContain('Check the credentials');
    await stage.secret(namespace, 'azure', rotated);
    const back = await becomes('Available');
    expect(credentials(back)).toBe('True');
    const secret = await stage.cluster.request('GET', `/api/v1/namespaces/${namespace}/secrets/azure`);
    expect(back.status?.secretResourceVersion).toBe(secret.metadata.resourceVersion);
  });

  it('follows the network within one probe, and touches nothing that is settled', async () => {
    const version = await settled();
    const fault = stage.azure.faults.add({ kind: 'reset', method: 'GET' });
    const down = await becomes('ProviderUnavailable');
    expect(ready(down)?.message).toMatch(/trying the connection: .*127\.0\.0\.1/);
    expect(credentials(down)).toBe('Unknown');
    await stage.snapshot(namespace, 'while-down', 'db');
    const waiting = await stage.reason('VMSnapshot', namespace, 'while-down', 'WaitingForProvider');
    expect(ready(waiting)?.message).toContain('VMProvider azure is not ready: ProviderUnavailable');
    stage.azure.faults.remove(fault);
    await stage.reason('VMProvider', namespace, 'azure', 'Available', 8_000);
    await stage.reason('VMSnapshot', namespace, 'while-down', 'Available');
    expect(await settled()).toBe(version);
  });

  it('asks for a new token when the one that is held is revoked', async () => {
    const before = stage.azure.identity.issued.length;
    stage.azure.identity.revokeTokens();
    await stage.snapshot(namespace, 'after-revocation', 'db');
    // A token that is very fresh is not replaced at once: the next might be refused as well.
    await stage.reason('VMSnapshot', namespace, 'after-revocation', 'Available');
    expect(stage.azure.identity.issued.length).toBeGreaterThan(before);
    await becomes('Available');
  });

  it('follows the Secret within one probe', async () => {
    const path = `/api/v1/namespaces/${namespace}/secrets/azure`;
    await stage.cluster.request('DELETE', path);
    const absent = await becomes('ReferenceNotFound');
    expect(ready(absent)?.message).toContain(`Secret ${namespace}/azure`);
    await stage.secret(namespace, 'azure', rotated);
    await stage.reason('VMProvider', namespace, 'azure', 'Available', 8_000);
  });

  it('takes a rotated certificate authority from a Secret', async () => {
    const { certificatePem } = await createCertificateAuthority('Somebody else');
    const authority = (certificate: string) =>
      stage.cluster.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'authority', namespace },
        stringData: { 'ca.crt': certificate },
      });
    await authority(certificatePem);
    const tls = { caBundle: null, caSecretRef: { name: 'authority' } };
    await stage.patch('VMProvider', namespace, 'azure', { spec: { tls } });
    const refused = await becomes('ProviderUnavailable');
    expect(ready(refused)?.message).toContain('spec.tls.caSecretRef');
    await authority(stage.azure.caPem);
    await stage.reason('VMProvider', namespace, 'azure', 'Available', 8_000);
  });

  it('concludes nothing from another endpoint under its name, and knows its own again', async () => {
    const { subscriptionId } = stage.azure;
    const other = '01234567-89ab-cdef-0123-456789abcdef';
    stage.azure.world.addSubscription(other);
    const pointTo = (subscriptionID: string) =>
      stage.patch('VMProvider', namespace, 'azure', { spec: { azure: { subscriptionID } } });
    const collection = (await stage.list('RestorePointCollection', namespace))[0]?.metadata.name ?? '';

    await pointTo(other);
    const changed = await stage.reason('VMSnapshot', namespace, 'settled', 'ProviderChanged');
    expect(ready(changed)?.message).toContain(other);
    expect(changed.status?.snapshotID).toContain(subscriptionId);
    const held = await stage.reason('RestorePointCollection', namespace, collection, 'ProviderChanged');
    expect(held.status?.id).toContain(subscriptionId);
    await stage.annotate('VMSnapshot', namespace, 'settled', { 'keyframe.dev/reconcile-at': 'elsewhere' });
    await stage.until(
      'VMSnapshot',
      namespace,
      'settled',
      'answered',
      ({ status }) => status?.lastHandledReconcileAt === 'elsewhere',
    );
    expect(ready(await stage.get('VMSnapshot', namespace, 'settled'))?.reason).toBe('ProviderChanged');

    await pointTo(subscriptionId);
    const back = await stage.reason('VMSnapshot', namespace, 'settled', 'Available');
    expect(back.status).toMatchObject({ readyToUse: true, snapshotID: changed.status?.snapshotID });
    await stage.reason('RestorePointCollection', namespace, collection, 'Available');
    expect(stage.azure.points()).toHaveLength(3);
  });

  it('for all namespaces takes its Secret from the namespace of the operator', async () => {
    await stage.secret(operatorNamespace, 'shared', rotated);
    const access = [{ namespaceSelector: {}, operations: ['Snapshot'] }];
    const spec = stage.providerSpec('shared', { spec: { access, probeInterval: '1s' } });
    await stage.make('ClusterVMProvider', undefined, 'shared', spec);
    const providerRef = { kind: 'ClusterVMProvider', name: 'shared' };
    stage.vm('shared');
    await stage.snapshot(namespace, 'by-shared', 'shared', { providerRef });
    await stage.reason('VMSnapshot', namespace, 'by-shared', 'Available');

    stage.azure.identity.rotateSecret(stage.azure.clientId, again);
    stage.azure.identity.revokeTokens();
    await stage.reason('ClusterVMProvider', undefined, 'shared', 'AuthenticationFailed', withinOneProbe);
    await stage.secret(operatorNamespace, 'shared', again);
    await stage.reason('ClusterVMProvider', undefined, 'shared', 'Available', 8_000);
  });

  it('stays while something uses it, names what does, and goes when that is gone', async () => {
    await stage.secret(namespace, 'azure', again);
    await stage.reason('VMProvider', namespace, 'azure', 'Available', 8_000);
    await stage.remove('VMProvider', namespace, 'azure');
    const blocked = await becomes('DeletionBlocked');
    expect(ready(blocked)?.message).toContain(`VMSnapshot ${namespace}/settled`);
    // Nothing new is begun through it.
    await stage.snapshot(namespace, 'too-late', 'db');
    const late = await stage.reason('VMSnapshot', namespace, 'too-late', 'WaitingForProvider');
    expect(ready(late)?.message).toContain('DeletionBlocked');
    await stage.remove('VMSnapshot', namespace, 'too-late');
    // What is there is removed through it.
    for (const name of ['settled', 'after-revocation', 'while-down']) {
      await stage.removed('VMSnapshot', namespace, name);
    }
    await stage.gone('VMProvider', namespace, 'azure');
    expect(stage.azure.points()).toHaveLength(1);
    expect(stage.azure.collections()).toHaveLength(1);
  });

  it('gives away no secret, and sends nothing malformed', async () => {
    expect(await leaks(stage, [rotated, again])).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });
});
