/**
 * Writes what is generated: from src/api the CRDs and the reference pages, from the chart's schema its values. With
 * `--check` it writes nothing and fails, naming the files, when one of them is stale.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { outputs } from './outputs.ts';
import { projectRoot, staleFiles } from './stale.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

const files = await outputs(projectRoot);
const stale = await staleFiles(projectRoot, files);
if (values.check) {
  if (stale.length > 0) {
    console.error(`Stale: ${stale.join(', ')}. Run npm run generate and commit what it writes.`);
    process.exitCode = 1;
  }
} else {
  for (const path of stale) {
    const target = join(projectRoot, path);
    const content = files.get(path);
    if (content === undefined) await rm(target);
    else {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
    }
    console.log(`${content === undefined ? 'removed' : 'wrote'} ${path}`);
  }
}
