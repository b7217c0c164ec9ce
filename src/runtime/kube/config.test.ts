import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { findConnection } from './config.ts';
import type { KubeConnection } from './connection.ts';
import { inClusterConnection } from './in-cluster.ts';
import { kubeconfigConnection } from './kubeconfig.ts';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keyframe-config-'));
});

afterEach(() => rm(directory, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(directory, name), text);

async function headersOf(connection: KubeConnection): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  await connection.authorize(headers);
  return headers;
}

describe('in the cluster', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

  beforeEach(async () => {
    await write('token', 'first\n');
    await write('ca.crt', 'CA 1');
    await write('namespace', 'system');
  });

  it('takes address, namespace, CA and token from the pod', async () => {
    const connection = await inClusterConnection({ env, directory });
    expect([connection.server, connection.namespace]).toEqual(['https://10.0.0.1:443', 'system']);
    expect(connection.tls).toEqual({ ca: 'CA 1' });
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer first' });
  });

  it('puts an IPv6 address into brackets', async () => {
    const connection = await inClusterConnection({
      env: { ...env, KUBERNETES_SERVICE_HOST: 'fd00::1' },
      directory,
    });
    expect(connection.server).toBe('https://[fd00::1]:443');
  });

  it('reads the token again after a minute, and at once after a 401', async () => {
    const clock = new FakeClock();
    const connection = await inClusterConnection({ env, directory, clock });
    await write('token', 'second');
    await clock.advance(59_999);
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer first' });
    await clock.advance(1);
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer second' });
    await write('token', 'third');
    await connection.refresh();
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer third' });
  });

  it('asks for new connections only when the CA has changed', async () => {
    const connection = await inClusterConnection({ env, directory });
    const before = connection.tls;
    await connection.refresh();
    await headersOf(connection);
    expect(connection.tls).toBe(before);
    await write('ca.crt', 'CA 2');
    await connection.refresh();
    await headersOf(connection);
    expect(connection.tls).toEqual({ ca: 'CA 2' });
  });

  it('keeps the token in hand while its file is being replaced', async () => {
    const connection = await inClusterConnection({ env, directory });
    await rm(join(directory, 'token'));
    await connection.refresh();
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer first' });
  });

  it('says what is missing', async () => {
    await expect(inClusterConnection({ env: {}, directory })).rejects.toThrow('KUBERNETES_SERVICE_HOST');
    await write('token', '');
    await expect(inClusterConnection({ env, directory })).rejects.toThrow('is empty');
    await rm(join(directory, 'token'));
    await expect(inClusterConnection({ env, directory })).rejects.toThrow('ENOENT');
  });
});

describe('by kubeconfig', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const kubeconfig = (user: object, cluster: object = {}) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'main',
      contexts: [
        { name: 'main', context: { cluster: 'c', user: 'u', namespace: 'team' } },
        { name: 'other', context: { cluster: 'd', user: 'u' } },
      ],
      clusters: [
        {
          name: 'c',
          cluster: {
            server: 'https://c.example:6443/',
            'certificate-authority-data': base64('CA'),
            ...cluster,
          },
        },
        { name: 'd', cluster: { server: 'https://d.example', 'insecure-skip-tls-verify': true } },
      ],
      users: [{ name: 'u', user }],
    });

  async function load(
    user: object,
    cluster?: object,
    context?: string,
    clock?: FakeClock,
  ): Promise<KubeConnection> {
    await write('config', kubeconfig(user, cluster));
    return kubeconfigConnection({ path: join(directory, 'config'), context, ...(clock ? { clock } : {}) });
  }

  it('takes server, namespace, CA and token', async () => {
    const connection = await load({ token: 't0p' });
    expect([connection.server, connection.namespace]).toEqual(['https://c.example:6443', 'team']);
    expect(String(connection.tls.ca)).toBe('CA');
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer t0p' });
  });

  it('takes a client certificate, a server name and a proxy', async () => {
    const connection = await load(
      { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
      { 'tls-server-name': 'api.internal', 'proxy-url': 'http://proxy.example:3128' },
    );
    const { cert, key, servername } = connection.tls;
    expect([String(cert), String(key), servername]).toEqual(['CERT', 'KEY', 'api.internal']);
    expect(connection.proxy).toBe('http://proxy.example:3128');
    expect(await headersOf(connection)).toEqual({});
  });

  it('takes basic credentials', async () => {
    expect(await headersOf(await load({ username: 'u', password: 'p' }))).toEqual({
      authorization: `Basic ${base64('u:p')}`,
    });
  });

  it('takes the context that is asked for, with its missing verification', async () => {
    const connection = await load({ token: 't0p' }, {}, 'other');
    expect([connection.server, connection.namespace, connection.tls.rejectUnauthorized]).toEqual([
      'https://d.example',
      'default',
      false,
    ]);
  });

  it('runs an exec plugin, and again after a 401', async () => {
    await write('count', '0');
    const script = `
      const fs = require('node:fs');
      const count = Number(fs.readFileSync(process.env.COUNT)) + 1;
      fs.writeFileSync(process.env.COUNT, String(count));
      console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'token-' + count } }));`;
    const clock = new FakeClock();
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', script],
      env: [{ name: 'COUNT', value: join(directory, 'count') }],
    };
    const connection = await load({ exec }, {}, undefined, clock);
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer token-1' });
    await clock.advance(60_000);
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer token-1' });
    await connection.refresh();
    expect(await headersOf(connection)).toEqual({ authorization: 'Bearer token-2' });
  });

  it('keeps its TLS object while nothing in it changes', async () => {
    const clock = new FakeClock();
    const connection = await load({ token: 't0p' }, {}, undefined, clock);
    const before = connection.tls;
    await clock.advance(60_000);
    await headersOf(connection);
    expect(connection.tls).toBe(before);
  });

  it('talks plain http to a local proxy', async () => {
    const connection = await load(
      {},
      { server: 'http://127.0.0.1:8001', 'certificate-authority-data': undefined },
    );
    expect(connection.server).toBe('http://127.0.0.1:8001');
  });

  it('says what to do when there is none', async () => {
    const before = { HOME: process.env.HOME, KUBECONFIG: process.env.KUBECONFIG };
    process.env.HOME = directory;
    delete process.env.KUBECONFIG;
    try {
      await expect(findConnection({}, {})).rejects.toThrow(/no kubeconfig; name one by --kubeconfig/);
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it('names the contexts there are when the one asked for is missing', async () => {
    await expect(load({ token: 't0p' }, {}, 'nope')).rejects.toThrow('there is: main, other');
  });

  it('goes before the service account when named by flag or by KUBECONFIG', async () => {
    await write('config', kubeconfig({ token: 't0p' }));
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    const connection = await findConnection({ kubeconfig: join(directory, 'config') }, env);
    expect(connection.server).toBe('https://c.example:6443');
    await expect(findConnection({}, env)).rejects.toThrow('serviceaccount');
  });
});
