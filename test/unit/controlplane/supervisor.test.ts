import { describe, expect, it } from 'vitest';
import { findOrphans } from '../../controlplane/supervisor.ts';

const run = '/tmp/keyframe-controlplane-0123456789ab';
const other = '/tmp/keyframe-controlplane-ba9876543210';
const etcd = { pid: 11, command: `/cache/etcd --data-dir=${run}/etcd --unsafe-no-fsync ` };
const supervisor = { pid: 10, command: `/bin/node /src/test/controlplane/supervisor-process.ts ${run} ` };

describe('an orphaned control plane', () => {
  it('is one whose supervisor is gone: its servers go with its folder', () => {
    expect(findOrphans([run], [etcd])).toEqual({ folders: [run], pids: [11] });
  });

  it.each([
    ['this clone of the project', supervisor],
    [
      'another clone',
      { ...supervisor, command: supervisor.command.replace('/src/', '/elsewhere/with blanks/') },
    ],
  ])('is none with a supervisor of %s', (_, living) => {
    expect(findOrphans([run], [living, etcd])).toEqual({ folders: [], pids: [] });
  });

  it('does not take the servers of another run with it', () => {
    const second = { pid: 21, command: etcd.command.replaceAll(run, other) };
    const secondSupervisor = { pid: 20, command: supervisor.command.replace(run, other) };
    expect(findOrphans([run, other], [etcd, second, secondSupervisor])).toEqual({
      folders: [run],
      pids: [11],
    });
  });

  it.each([
    ['a person reading its log', `less ${run}/etcd.log`],
    ['a client that uses its kubeconfig', `kubectl --kubeconfig=${run}/admin.kubeconfig get pods`],
    ['an etcd elsewhere', '/usr/bin/etcd --data-dir=/var/lib/etcd'],
  ])('does not take %s with it', (_, command) => {
    expect(findOrphans([run], [{ pid: 30, command }]).pids).toEqual([]);
  });
});
