/** The cgroups of a run: all that a node makes lies under one name, in each hierarchy. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../controlplane/wait.ts';

const form = /^keyframe-e2e-(\d+)$/;

/** The name of this process's cgroup; whoever finds it later can tell whether that still lives. */
export const cgroupName = `keyframe-e2e-${process.pid}`;

/** Makes this run's cgroup in each hierarchy that is mounted, and removes those of runs that were killed. */
export function makeCgroups(): void {
  for (const hierarchy of hierarchies()) {
    for (const name of readdirSync(hierarchy)) {
      const pid = form.exec(name)?.[1];
      if (pid !== undefined && !lives(Number(pid))) removeTree(join(hierarchy, name));
    }
    mkdirSync(join(hierarchy, cgroupName), { recursive: true });
  }
}

/** Removes this run's cgroups, once the processes in them have ended. Throws when some do not. */
export async function removeCgroups(): Promise<void> {
  for (const hierarchy of hierarchies()) {
    const path = join(hierarchy, cgroupName);
    await waitFor(`the cgroup ${path} to be empty`, async () => {
      removeTree(path);
      return true;
    });
  }
}

/** Where the hierarchies are mounted: one with cgroup v2, one for each controller with v1. */
export function hierarchies(mounts = readFileSync('/proc/self/mounts', 'utf8')): string[] {
  return mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, path = '', type = '']) => /^cgroup2?$/.test(type) && path.startsWith('/sys/fs/cgroup'))
    .map(([, path = '']) => path);
}

/** A cgroup is removed as an empty folder is, though files show in it; those below it first. */
function removeTree(path: string): void {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  rmdirSync(path);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
