import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { apiVersion, type KindName } from '../../../src/api/kinds.ts';

/** The folder of the samples. */
export const sampleFolder = join(import.meta.dirname, '../../../config/samples');

/** A manifest in config/samples. */
export interface Sample {
  file: string;
  kind: KindName;
  spec: unknown;
}

/** The samples of Keyframe's kinds. */
export function readSamples(): Sample[] {
  return readdirSync(sampleFolder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => {
      const documents = loadAll(readFileSync(join(sampleFolder, file), 'utf8')) as (Sample & {
        apiVersion: string;
      })[];
      return documents
        .filter((document) => document.apiVersion === apiVersion)
        .map(({ kind, spec }) => ({ file, kind, spec }));
    });
}
