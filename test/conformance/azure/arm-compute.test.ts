import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComputeManagementClient } from '@azure/arm-compute';
import {
  ClientSecretCredential,
  ManagedIdentityCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AzureSimulator, startAzureSimulator } from '../../simulators/azure/simulator.ts';

/**
 * Microsoft's own client and credential library against the simulator. What they cannot do with it, the simulator
 * does wrong; what they send, the simulator must accept. They send api-versions newer than the contract files, which
 * are checked against the newest definitions that the files hold (2025-11-01).
 */

const pollEveryMilliseconds = 20;

let simulator: AzureSimulator;

beforeEach(async () => {
  simulator = await startAzureSimulator({ speed: 2000, verifyAnswers: true, behaviour: { pageSize: 2 } });
});

afterEach(async () => {
  await simulator.close();
});

function credentialOf(secret = simulator.clientSecret): ClientSecretCredential {
  return new ClientSecretCredential(simulator.tenantId, simulator.clientId, secret, {
    authorityHost: simulator.authorityUrl,
    disableInstanceDiscovery: true,
    tlsOptions: { ca: simulator.caPem },
    retryOptions: { maxRetries: 0 },
  });
}

function computeClient(): ComputeManagementClient {
  return new ComputeManagementClient(credentialOf(), simulator.subscriptionId, {
    endpoint: simulator.resourceManagerUrl,
    tlsOptions: { ca: simulator.caPem },
    retryOptions: { maxRetries: 0 },
  });
}

describe('the official Azure client', () => {
  it('takes a restore point, copies it to another region, watches it replicate, and deletes everything', async () => {
    const client = computeClient();
    const vm = simulator.addVm({
      name: 'web',
      location: 'East US 2',
      dataDisks: [{ sizeGB: 64, replicationSeconds: 3600 }, {}],
    });
    const interval = { updateIntervalInMs: pollEveryMilliseconds };

    const collection = await client.restorePointCollections.createOrUpdate('rg', 'local', {
      location: 'East US 2',
      tags: { 'keyframe-owner': 'conformance' },
      source: { id: vm.id },
    });
    expect(collection.location).toBe('eastus2');
    expect(collection.source?.location).toBe('EastUS2');
    expect(collection.tags).toEqual({ 'keyframe-owner': 'conformance' });

    const excluded = vm.dataDisks[1]?.id;
    const point = await client.restorePoints.create(
      'rg',
      'local',
      'first',
      { excludeDisks: [{ id: excluded }] },
      interval,
    );
    expect(point.provisioningState).toBe('Succeeded');
    expect(point.consistencyMode).toBe('FileSystemConsistent');
    expect(point.sourceMetadata?.vmId).toBe(vm.vmId);
    const dataDisks = point.sourceMetadata?.storageProfile?.dataDisks ?? [];
    expect(dataDisks.map(({ name }) => name)).toEqual([vm.dataDisks[0]?.name]);
    expect(dataDisks[0]?.diskRestorePoint?.id).toMatch(/\/diskRestorePoints\/web_DataDisk_0_[0-9a-f-]{36}$/);

    await client.restorePointCollections.createOrUpdate('rg', 'remote', {
      location: 'westus',
      source: { id: collection.id },
    });
    const copy = await client.restorePoints.create(
      'rg',
      'remote',
      'first',
      { sourceRestorePoint: { id: point.id } },
      interval,
    );
    expect(copy.provisioningState).toBe('Succeeded');
    expect(copy.timeCreated).toEqual(point.timeCreated);
    expect(copy.sourceRestorePoint?.id).toBe(point.id);

    const states = new Set<string | undefined>();
    await expect
      .poll(
        async () => {
          const seen = await client.restorePoints.get('rg', 'remote', 'first', { expand: 'instanceView' });
          const disks = seen.instanceView?.diskRestorePoints ?? [];
          for (const disk of disks) states.add(disk.replicationStatus?.status?.code);
          return disks.map(({ replicationStatus }) => replicationStatus?.completionPercent);
        },
        { timeout: 20_000, interval: pollEveryMilliseconds },
      )
      .toEqual([100, 100]);
    expect([...states]).toEqual(['ReplicationState/replicating', 'ReplicationState/succeeded']);

    for (const name of ['remote', 'local']) {
      await client.restorePoints.delete('rg', name, 'first', interval);
      await expect(client.restorePoints.get('rg', name, 'first')).rejects.toMatchObject({ statusCode: 404 });
      await client.restorePointCollections.delete('rg', name, interval);
    }
    expect(simulator.points()).toEqual([]);
    expect(simulator.collections()).toEqual([]);
    expect(simulator.everCreated().map(({ name }) => name)).toEqual(['first', 'first']);
    expect(simulator.contractViolations).toEqual([]);
    expect(simulator.answerViolations).toEqual([]);
  });

  it('reads VMs, disks and lists page by page', async () => {
    const client = computeClient();
    const vms = ['a', 'b', 'c', 'd', 'e'].map((name) => simulator.addVm({ name, dataDisks: [{}] }));
    for (const vm of vms) {
      await client.restorePointCollections.createOrUpdate('rg', `of-${vm.name}`, {
        location: 'eastus',
        source: { id: vm.id },
      });
    }

    const names: (string | undefined)[] = [];
    for await (const vm of client.virtualMachines.list('rg')) names.push(vm.name);
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
    const view = await client.virtualMachines.get('rg', 'a', { expand: 'instanceView' });
    expect(view.vmId).toBe(vms[0]?.vmId);
    expect(view.instanceView?.statuses?.map(({ code }) => code)).toContain('PowerState/running');
    const disk = await client.disks.get('rg', vms[0]?.osDisk.name ?? '');
    expect(disk.managedBy).toBe(vms[0]?.id);

    const ids: (string | undefined)[] = [];
    for await (const collection of client.restorePointCollections.listAll()) ids.push(collection.id);
    expect(ids).toHaveLength(5);
    expect(ids[0]).toContain('/resourceGroups/RG/');
    expect(simulator.counts().RestorePointCollections_ListAll).toBe(3);
    expect(simulator.contractViolations).toEqual([]);
    expect(simulator.answerViolations).toEqual([]);
  });

  it('grants and revokes a SAS, and restores a disk', async () => {
    const client = computeClient();
    const vm = simulator.addVm({ name: 'web' });
    const collection = simulator.addCollection({ name: 'local', sourceId: vm.id });
    const point = simulator.addPoint({ collectionId: collection.id, name: 'first' });
    const diskRestorePoint = point.disks[0]?.name ?? '';
    const interval = { updateIntervalInMs: pollEveryMilliseconds };

    const access = await client.diskRestorePoint.grantAccess(
      'rg',
      'local',
      'first',
      diskRestorePoint,
      { access: 'Read', durationInSeconds: 600_000 },
      interval,
    );
    expect(access.accessSAS).toMatch(/^https:/);
    await expect(client.restorePoints.delete('rg', 'local', 'first', interval)).rejects.toMatchObject({
      statusCode: 409,
      code: 'DiskRestorePointUsedByCustomer',
    });
    await client.diskRestorePoint.revokeAccess('rg', 'local', 'first', diskRestorePoint, interval);
    const seen = await client.diskRestorePoint.get('rg', 'local', 'first', diskRestorePoint);
    const disk = await client.disks.createOrUpdate(
      'rg',
      'restored',
      { location: 'eastus', creationData: { createOption: 'Restore', sourceResourceId: seen.id ?? '' } },
      interval,
    );
    expect(disk.provisioningState).toBe('Succeeded');
    expect(disk.diskSizeGB).toBe(vm.osDisk.sizeGB);
    await client.restorePoints.delete('rg', 'local', 'first', interval);
    expect(simulator.points()).toEqual([]);
    expect(simulator.contractViolations).toEqual([]);
    expect(simulator.answerViolations).toEqual([]);
  });

  it('reports a create that failed with the code of the operation', async () => {
    const client = computeClient();
    const vm = simulator.addVm({ name: 'web', agent: 'unhealthy' });
    simulator.addCollection({ name: 'local', sourceId: vm.id });
    await expect(
      client.restorePoints.create('rg', 'local', 'first', {}, { updateIntervalInMs: pollEveryMilliseconds }),
    ).rejects.toThrow(/has not reported status for VM agent/);
    expect(simulator.points().map(({ provisioningState }) => provisioningState)).toEqual(['Failed']);
  });
});

describe('the official credential library', () => {
  it('is refused with a wrong secret, and accepted with a rotated one', async () => {
    const scope = 'https://management.azure.com/.default';
    await expect(credentialOf('wrong').getToken(scope)).rejects.toThrow(/AADSTS7000215/);
    simulator.identity.rotateSecret(simulator.clientId, 'rotated');
    await expect(credentialOf().getToken(scope)).rejects.toThrow(/AADSTS7000215/);
    const { token, expiresOnTimestamp } = await credentialOf('rotated').getToken(scope);
    expect(token.split('.')).toHaveLength(3);
    expect(expiresOnTimestamp).toBeGreaterThan(Date.now());
  });

  it('exchanges the token of a service account, read anew from its file', async () => {
    const credential = {
      issuer: 'https://kubernetes.default.svc',
      subject: 'system:serviceaccount:keyframe-system:keyframe',
      audience: 'api://AzureADTokenExchange',
    };
    simulator.identity.trustFederated(simulator.clientId, credential);
    const directory = await mkdtemp(join(tmpdir(), 'federated-'));
    try {
      const tokenFilePath = join(directory, 'token');
      await writeFile(
        tokenFilePath,
        serviceAccountToken({ ...credential, subject: 'system:serviceaccount:other:other' }),
      );
      const workload = (): WorkloadIdentityCredential =>
        new WorkloadIdentityCredential({
          tenantId: simulator.tenantId,
          clientId: simulator.clientId,
          tokenFilePath,
          authorityHost: simulator.authorityUrl,
          disableInstanceDiscovery: true,
          tlsOptions: { ca: simulator.caPem },
          retryOptions: { maxRetries: 0 },
        });
      await expect(workload().getToken('https://management.azure.com/.default')).rejects.toThrow(
        /AADSTS70021/,
      );
      await writeFile(tokenFilePath, serviceAccountToken(credential));
      await workload().getToken('https://management.azure.com/.default');
      expect(simulator.identity.issued.map(({ method }) => method)).toEqual(['client_assertion']);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('gets a token for a managed identity', async () => {
    vi.stubEnv('AZURE_POD_IDENTITY_AUTHORITY_HOST', simulator.managedIdentityUrl);
    try {
      const credential = new ManagedIdentityCredential({ clientId: simulator.clientId });
      const { token } = await credential.getToken('https://management.azure.com/.default');
      expect(simulator.identity.authenticate(`Bearer ${token}`).clientId).toBe(simulator.clientId);
      expect(simulator.identity.issued.map(({ method }) => method)).toEqual(['managed_identity']);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

function serviceAccountToken(claims: { issuer: string; subject: string; audience: string }): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const payload = { iss: claims.issuer, sub: claims.subject, aud: [claims.audience], exp };
  return `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(payload)}.${encode('signature')}`;
}
