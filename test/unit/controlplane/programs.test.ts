import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  envtestRelease,
  isAtLeast,
  linkerFlags,
  type Machine,
  origins,
  type ProgramName,
  parseVersion,
  readTools,
} from '../../controlplane/programs.ts';

const text = (file: string) =>
  readFileSync(new URL(`../../controlplane/tools/${file}`, import.meta.url), 'utf8');
const tools = readTools('controlplane', text('go.mod'), text('go.sum'));
const linux: Machine = { environment: {}, home: '/home/u', platform: 'linux', arch: 'x64' };
const labels = (name: ProgramName, machine: Machine, module = tools) =>
  origins(name, module, machine).map(({ label }) => label);

describe('where a program comes from', () => {
  const everywhere = { ...linux, environment: { TEST_ASSET_KUBECTL: '/k', KUBEBUILDER_ASSETS: '/assets' } };
  const cases: [string, ProgramName, Machine, string[]][] = [
    [
      'variables come before the caches, an installed kubectl before a download, a build last',
      'kubectl',
      everywhere,
      [
        'TEST_ASSET_KUBECTL',
        'KUBEBUILDER_ASSETS',
        'cache, built from source',
        'cache, envtest release',
        'installed',
        'envtest release',
        'built from source',
      ],
    ],
    [
      'an installed etcd is never taken, since its version would be anyone’s guess',
      'etcd',
      linux,
      ['cache, built from source', 'cache, envtest release', 'envtest release', 'built from source'],
    ],
    [
      'the envtest releases have no kube-controller-manager',
      'kube-controller-manager',
      linux,
      ['cache, built from source', 'built from source'],
    ],
    [
      'a platform without a pinned archive downloads nothing',
      'etcd',
      { ...linux, arch: 'riscv64' },
      ['cache, built from source', 'cache, envtest release', 'built from source'],
    ],
  ];
  it.each(cases)('%s', (_, name, machine, expected) => expect(labels(name, machine)).toEqual(expected));

  it('a variable names one program, by its name in capitals', () => {
    const environment = { TEST_ASSET_KUBE_APISERVER: '/bin/a', TEST_ASSET_ETCD: '/bin/e' };
    expect(origins('kube-apiserver', tools, { ...linux, environment })[0]).toMatchObject({ path: '/bin/a' });
  });

  it.each([
    ['XDG_CACHE_HOME', { ...linux, environment: { XDG_CACHE_HOME: '/cache' } }, '/cache/'],
    ['~/.cache', linux, '/home/u/.cache/'],
    ['~/Library/Caches on macOS', { ...linux, platform: 'darwin' }, '/home/u/Library/Caches/'],
  ])('the cache is in %s, by version, platform and the tools module’s hash', (_, machine, prefix) => {
    const folder = `keyframe/controlplane/${tools.versions['k8s.io/kubernetes']}-${machine.platform}-amd64-${tools.hash}`;
    expect(origins('etcd', tools, machine)[0]).toMatchObject({ path: `${prefix}${folder}/etcd` });
  });
});

describe('a program of our own', () => {
  const own = readTools('gitops', 'module ours\n\ngo 1.26.0\n', '', 'package main');

  it('is in a folder of its own of the cache, so that a change to it builds no API server anew', () => {
    const [cached, build] = origins('gitops-reader', own, linux);
    const path = `/home/u/.cache/keyframe/controlplane/gitops-linux-amd64-${own.hash}/gitops-reader`;
    expect(cached).toMatchObject({ label: 'cache, built from source', path });
    expect(build).toMatchObject({ kind: 'build', package: '.', ldflags: '-s -w', path });
  });
});

describe('promtool', () => {
  const own = readTools('prometheus', 'go 1.26.0\nrequire github.com/prometheus/prometheus v0.313.5\n', '');

  it('is any installed one of Prometheus 3, or built without the clouds that rules do not need', () => {
    expect(labels('promtool', linux, own)).toEqual([
      'cache, built from source',
      'installed',
      'built from source',
    ]);
    expect(origins('promtool', own, linux).at(-1)).toMatchObject({
      kind: 'build',
      version: 'v0.313.5',
      tags: ['remove_all_sd'],
    });
    expect(isAtLeast('promtool, version 2.42.0 (branch: HEAD)', 'v3.0.0')).toBe(false);
  });
});

describe('the tools module', () => {
  it('gives the versions that go.mod pins', () => {
    expect(isAtLeast(tools.versions['k8s.io/kubernetes'] ?? '', 'v1.36.0')).toBe(true);
    expect(isAtLeast(tools.versions['go.etcd.io/etcd/server/v3'] ?? '', 'v3.6.0')).toBe(true);
    expect(isAtLeast(tools.goVersion, '1.26')).toBe(true);
  });

  it('has the same Kubernetes minor version as the envtest release', () => {
    const minor = (version = '') => parseVersion(version)?.slice(0, 2);
    expect(minor(envtestRelease.version)).toEqual(minor(tools.versions['k8s.io/kubernetes']));
  });

  it('has another hash when a file changes', () => {
    const others = [
      readTools('controlplane', `${text('go.mod')}\n`, text('go.sum')),
      readTools('controlplane', text('go.mod'), ''),
      readTools('controlplane', text('go.mod'), text('go.sum'), 'package main'),
    ];
    expect(new Set([tools, ...others].map(({ hash }) => hash)).size).toBe(4);
  });

  it('says which module go.mod lacks', () => {
    expect(() => readTools('controlplane', 'go 1.26.0\n', '')).toThrow(
      'tools/go.mod requires no version of go.etcd.io/etcd/server/v3',
    );
  });

  it('every pinned SHA-512 is one', () => {
    for (const hash of Object.values(envtestRelease.sha512)) expect(hash).toMatch(/^[0-9a-f]{128}$/);
  });
});

describe('versions', () => {
  it.each([
    ['go version go1.26.8 linux/amd64', [1, 26, 8]],
    ['go version go1.27rc1 linux/amd64', [1, 27, 0]],
    ['{"clientVersion":{"major":"1","gitVersion":"v1.32.4-dispatcher"}}', [1, 32, 4]],
    ['v3.21.4+gabcdef', [3, 21, 4]],
    ['no version at all', undefined],
  ])('in %s', (line, expected) => expect(parseVersion(line)).toEqual(expected));

  it.each([
    ['v1.30.0', 'v1.30.0', true],
    ['v1.29.9', 'v1.30.0', false],
    ['v1.100.0', 'v1.30.0', true],
    ['v2.0.0', 'v1.30.5', true],
    ['v1.30.4', 'v1.30.5', false],
    ['unknown', 'v1.0.0', false],
  ])('%s is at least %s: %s', (have, want, expected) => expect(isAtLeast(have, want)).toBe(expected));
});

describe('linker flags', () => {
  it('make a Kubernetes program tell its version', () => {
    const flags = linkerFlags('kube-apiserver', 'v1.36.3');
    expect(flags).toContain('-X k8s.io/component-base/version.gitVersion=v1.36.3 ');
    expect(flags).toContain('-X k8s.io/component-base/version.gitMajor=1 ');
    expect(flags).toContain('-X k8s.io/component-base/version.gitMinor=36 ');
  });

  it('make helm tell its own', () => {
    expect(linkerFlags('helm', 'v3.21.4')).toContain('-X helm.sh/helm/v3/internal/version.version=v3.21.4');
  });

  it('leave etcd, which knows its version, as it is', () =>
    expect(linkerFlags('etcd', 'v3.6.16')).toBe('-s -w'));
});
