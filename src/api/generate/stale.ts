import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the project. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Folders that hold nothing but generated files: what else lies there is left over from a kind that went. */
const generatedFolders = ['crds', 'charts/keyframe/files/crds', 'docs/reference'];

/**
 * The files that are not as generated: changed, absent, or left over.
 *
 * @param root folder that the paths start from
 * @param files content by path, from `outputs`
 * @returns paths from `root`, sorted
 */
export async function staleFiles(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const stale = new Set<string>();
  for (const [path, content] of files) {
    if ((await orAbsent(readFile(join(root, path), 'utf8'))) !== content) stale.add(path);
  }
  for (const folder of generatedFolders) {
    for (const name of (await orAbsent(readdir(join(root, folder)))) ?? []) {
      const path = `${folder}/${name}`;
      if (!files.has(path) && [...files.keys()].some((file) => dirname(file) === folder)) stale.add(path);
    }
  }
  return [...stale].sort();
}

async function orAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
