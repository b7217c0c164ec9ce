/**
 * What an older release of Keyframe left behind: the objects that it wrote, and what Azure held at that instant. In
 * files, hosts stand under names of their own, and instants as they were.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dump, load, loadAll } from 'js-yaml';
import type { AzureSimulatorOptions } from '../simulators/azure/options.ts';
import { restoreState, type SavedState, saveState } from '../simulators/azure/saved-state.ts';
import type { AzureSimulator } from '../simulators/azure/simulator.ts';
import type { AnyObject } from './stage.ts';

const root = fileURLToPath(new URL('../fixtures/releases/', import.meta.url));
/** A certificate authority is made for each run. */
const authorityMark = 'the certificate authority of the simulator';

interface AzureFile {
  recordedAt: string;
  account: Required<Pick<AzureSimulatorOptions, 'subscriptionId' | 'tenantId' | 'clientId' | 'clientSecret'>>;
  state: SavedState;
}

/** The releases of which something is kept. */
export async function olderReleases(): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Writes what a release left behind. */
export async function keepRelease(
  version: string,
  objects: AnyObject[],
  azure: AzureSimulator,
): Promise<string> {
  const { subscriptionId, tenantId, clientId, clientSecret } = azure;
  const file: AzureFile = {
    recordedAt: new Date().toISOString(),
    account: { subscriptionId, tenantId, clientId, clientSecret },
    state: saveState(azure.world),
  };
  const stored = objects.map((object) => {
    const {
      resourceVersion: _,
      managedFields: __,
      ...metadata
    } = object.metadata as AnyObject['metadata'] & {
      managedFields?: unknown;
    };
    return mapStrings({ ...object, metadata }, (text) =>
      hostsOf(azure)
        .reduce((result, [host, name]) => result.replaceAll(host, name), text)
        .replaceAll(azure.caPem, authorityMark),
    );
  });
  const folder = join(root, version);
  await mkdir(folder, { recursive: true });
  const options = { lineWidth: 110, noRefs: true, skipInvalid: true };
  const origin = `# Written by a run of release ${version}: see docs/development.md, "Releases". Do not edit.\n`;
  const documents = stored.map((object) => dump(object, options)).join('---\n');
  await writeFile(join(folder, 'objects.yaml'), `${origin}${documents}`);
  await writeFile(join(folder, 'azure.yaml'), `${origin}${dump(file, options)}`);
  return folder;
}

/** What a release left behind, as if that were a moment ago. */
export class OlderRelease {
  readonly version: string;
  readonly #documents: unknown[];
  readonly #azure: AzureFile;
  readonly #laterMs: number;

  private constructor(version: string, documents: unknown[], azure: AzureFile) {
    this.version = version;
    this.#documents = documents;
    this.#azure = azure;
    this.#laterMs = Date.now() - Date.parse(azure.recordedAt);
  }

  static async read(version: string): Promise<OlderRelease> {
    const text = (name: string) => readFile(join(root, version, name), 'utf8');
    return new OlderRelease(
      version,
      loadAll(await text('objects.yaml')),
      load(await text('azure.yaml')) as AzureFile,
    );
  }

  /** How the simulator must be started: endpoints are told apart by subscription and tenant, too. */
  get account(): AzureSimulatorOptions {
    return this.#azure.account;
  }

  /** Puts into a simulator what Azure held. */
  restoreAzure(azure: AzureSimulator): void {
    restoreState(azure.world, this.#azure.state, this.#laterMs);
  }

  /** The objects, which lead to a simulator. */
  objects(azure: AzureSimulator): AnyObject[] {
    const read = (text: string) =>
      hostsOf(azure)
        .reduce((result, [host, name]) => result.replaceAll(name, host), text)
        .replaceAll(authorityMark, azure.caPem)
        .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (instant, fraction = '') => {
          const moved = new Date(Date.parse(instant) + this.#laterMs).toISOString();
          return moved.replace(/\.\d+Z$/, `${fraction}Z`);
        });
    return this.#documents.map((document) => mapStrings(document, read) as AnyObject);
  }
}

/** The hosts of a simulator with their ports, and the names that stand for them in files. */
function hostsOf(azure: AzureSimulator): [host: string, name: string][] {
  return [
    [new URL(azure.resourceManagerUrl).host, 'management.azure.test'],
    [new URL(azure.authorityUrl).host, 'login.azure.test'],
  ];
}

/** The same value with each string in it changed, those within JSON text too. */
function mapStrings<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change)) as T;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, mapStrings(member, change)]),
  ) as T;
}
