import { describe, expect, it } from 'vitest';
import { hierarchies } from '../../e2e/cgroups.ts';
import { type Facts, missing, programs } from '../../e2e/prerequisites.ts';

const whole: Facts = {
  platform: 'linux',
  uid: 0,
  installed: Object.keys(programs),
  cniPlugins: '/usr/lib/cni',
  refusal: undefined,
};

describe('what a machine lacks to be a node', () => {
  it.each<[string, Partial<Facts>, string[]]>([
    ['nothing where all is there', {}, []],
    [
      'Linux, and then nothing else is told',
      { platform: 'darwin', uid: 501 },
      ['Linux is needed, this is darwin'],
    ],
    ['root', { uid: 1000 }, ['root is needed, for namespaces, mounts and cgroups']],
    [
      'programs, with what to install',
      { installed: ['ctr', 'containerd-shim-runc-v2', 'containerd', 'ip', 'unshare', 'setpriv'] },
      [
        'runc is not installed',
        'buildah is not installed',
        'on Debian: apt-get install --no-install-recommends runc buildah',
      ],
    ],
    [
      "CNI's plugins",
      { cniPlugins: undefined },
      [
        "CNI's plugins bridge, host-local, loopback are neither in /usr/lib/cni nor in /opt/cni/bin",
        'on Debian: apt-get install --no-install-recommends containernetworking-plugins',
      ],
    ],
    [
      'what the kernel will not do',
      { refusal: 'unshare failed: Operation not permitted' },
      ['the kernel or the container around this refuses: unshare failed: Operation not permitted'],
    ],
  ])('%s', (_, change, expected) => {
    expect(missing({ ...whole, ...change })).toEqual(expected);
  });
});

describe('the hierarchies of cgroups', () => {
  it.each([
    [
      'are one with version 2',
      'proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n',
      ['/sys/fs/cgroup'],
    ],
    [
      'are one for each controller with version 1',
      'tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n' +
        'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\ncgroup /mnt/other cgroup rw,pids 0 0\n',
      ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/unified'],
    ],
  ])('%s', (_, mounts, expected) => {
    expect(hierarchies(mounts)).toEqual(expected);
  });
});
