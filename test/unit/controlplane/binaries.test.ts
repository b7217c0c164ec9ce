import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { download, withLock } from '../../controlplane/binaries.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyframe-binaries-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a download', () => {
  let server: Server;
  let archive: Buffer;
  let url: string;

  beforeEach(async () => {
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    // An archive laid out as the releases are.
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, 'controller-tools', 'envtest'), { recursive: true });
    writeFileSync(join(tree, 'controller-tools', 'envtest', 'etcd'), '#!/bin/sh\necho etcd\n', {
      mode: 0o755,
    });
    archive = execFileSync('tar', ['-cz', '-C', tree, 'controller-tools']);
    rmSync(tree, { recursive: true });
    server = createServer((request, response) => {
      response.statusCode = request.url === '/archive' ? 200 : 404;
      response.end(archive);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive`;
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    server.close();
  });

  const sha512 = () => createHash('sha512').update(archive).digest('hex');
  const target = () => ({ folder: join(folder, 'envtest'), path: join(folder, 'envtest', 'etcd') });

  it('whose SHA-512 is the pinned one is unpacked', async () => {
    await download({ url, sha512: sha512(), ...target() });
    expect(execFileSync(target().path, { encoding: 'utf8' })).toBe('etcd\n');
    expect(readdirSync(folder)).toEqual(['envtest']);
  });

  it('whose SHA-512 is another is refused, and nothing stays', async () => {
    const pinned = sha512().replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
    await expect(download({ url, sha512: pinned, ...target() })).rejects.toThrow('as pinned: not unpacked');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('clears away what a killed one left', async () => {
    mkdirSync(join(folder, 'envtest.0123.tmp'));
    await download({ url, sha512: sha512(), ...target() });
    expect(readdirSync(folder)).toEqual(['envtest']);
  });

  it('without the program in it is refused', async () => {
    const path = join(folder, 'envtest', 'kube-proxy');
    await expect(download({ url, sha512: sha512(), ...target(), path })).rejects.toThrow('kube-proxy');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that is not there says what was asked and answered', async () => {
    await expect(download({ url: `${url}s`, sha512: sha512(), ...target() })).rejects.toThrow(
      `${url}s was answered with 404`,
    );
  });

  it('from a host that cannot be reached says why', async () => {
    await new Promise((resolve) => server.close(resolve));
    await expect(download({ url, sha512: sha512(), ...target() })).rejects.toThrow('ECONNREFUSED');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('the lock of a builder', () => {
  it('lets one in at a time', async () => {
    let inside = 0;
    let most = 0;
    const enter = () =>
      withLock(join(folder, 'x'), async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      });
    await Promise.all([enter(), enter(), enter()]);
    expect(most).toBe(1);
    expect(existsSync(join(folder, 'x.lock'))).toBe(false);
  });

  it('is let go when the action fails', async () => {
    const failing = withLock(join(folder, 'x'), () => Promise.reject(new Error('no compiler')));
    await expect(failing).rejects.toThrow('no compiler');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over from a process that no longer touches it', async () => {
    const lock = join(folder, 'x.lock');
    writeFileSync(lock, 'of a dead process');
    utimesSync(lock, new Date(), new Date(Date.now() - 60_000));
    expect(await withLock(join(folder, 'x'), async () => readFileSync(lock, 'utf8'))).not.toBe(
      'of a dead process',
    );
  });
});
