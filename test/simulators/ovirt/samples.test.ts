import { readFile } from 'node:fs/promises';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import faults from './samples/faults-ovirt33.json' with { type: 'json' };
import { type OvirtSimulator, startOvirtSimulator } from './simulator.ts';
import { TestClient } from './test-client.ts';

/**
 * The simulator's answers against recordings of real engines: every element and attribute of the recording must be
 * in the answer with a value of the same type, and the answer must hold no other.
 */

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  ignoreDeclaration: true,
});

interface Case {
  sample: string;
  version: string;
  /** The path below the API's base. */
  path: string;
  headers?: Record<string, string>;
  seed(simulator: OvirtSimulator): void;
}

const vmId = '882b9a7c-f3f0-49a3-bda6-1ee289a6adf0';
const snapshotId = '4f81c601-d896-4c12-b34e-0bfcabd7d9e1';
const diskId = 'f5c0844f-70ee-4e12-a188-0e3dcbb140a6';
const domainId = 'ee04ae85-01ba-4610-86a8-6c17c1b8e4b5';

function seedVm(simulator: OvirtSimulator, snapshots: number): void {
  simulator.addVm({
    id: vmId,
    name: 'recorded',
    status: 'down',
    stopTime: Date.now(),
    disks: [{ id: diskId, storageDomainId: domainId, description: 'a disk' }],
  });
  if (snapshots > 0) simulator.addSnapshot({ id: snapshotId, vmId, description: 'one', persistMemory: true });
}

const asV3 = { Version: '3' };

const cases: Case[] = [
  {
    sample: 'v4-snapshots-active-only.xml',
    version: '4.3.6',
    path: `vms/${vmId}/snapshots`,
    seed: (simulator) => seedVm(simulator, 0),
  },
  {
    sample: 'v4-snapshots-active-and-one.xml',
    version: '4.3.8',
    path: `vms/${vmId}/snapshots`,
    seed: (simulator) => seedVm(simulator, 1),
  },
  {
    sample: 'v4-snapshot-disks-one.xml',
    version: '4.3.8',
    path: `vms/${vmId}/snapshots/${snapshotId}/disks`,
    seed: (simulator) => seedVm(simulator, 1),
  },
  {
    sample: 'v4-vm-diskattachments-one.xml',
    version: '4.3.6',
    path: `vms/${vmId}/diskattachments`,
    seed: (simulator) => seedVm(simulator, 0),
  },
  {
    sample: 'v3-on-engine41-snapshots-two.xml',
    version: '4.1.9',
    path: `vms/${vmId}/snapshots`,
    headers: asV3,
    seed: (simulator) => seedVm(simulator, 1),
  },
  {
    sample: 'v3-on-engine41-vm-disks.xml',
    version: '4.1.9',
    path: `vms/${vmId}/disks`,
    headers: asV3,
    seed: (simulator) => seedVm(simulator, 0),
  },
  {
    sample: 'v3-on-engine4-disk-one.xml',
    version: '4.1.9',
    path: `storagedomains/${domainId}/disks/${diskId}`,
    headers: asV3,
    seed: (simulator) => seedVm(simulator, 0),
  },
  {
    sample: 'v3-rhev30-snapshots-two.xml',
    version: '3.0',
    path: `/api/vms/${vmId}/snapshots`,
    seed: (simulator) => seedVm(simulator, 1),
  },
  {
    sample: 'v3-rhev31-snapshots-active-and-one.xml',
    version: '3.1',
    path: `vms/${vmId}/snapshots`,
    seed: (simulator) => seedVm(simulator, 1),
  },
];

describe('an answer of the simulator', () => {
  it.each(cases)('looks like the recording $sample', async ({ sample, version, path, headers, seed }) => {
    await using simulator = await startOvirtSimulator({ version });
    seed(simulator);
    const answer = await new TestClient(simulator, headers).get(path);
    expect(answer.status).toBe(200);
    const recorded = await readFile(new URL(`./samples/${sample}`, import.meta.url), 'utf8');
    expect(typesOf(parser.parse(answer.text))).toEqual(typesOf(parser.parse(recorded)));
    expect(simulator.contractViolations).toEqual([]);
  });

  it('has refusals of actions and of other requests in the forms that a QA suite expects', async () => {
    await using simulator = await startOvirtSimulator({ version: '3.4' });
    seedVm(simulator, 1);
    const client = new TestClient(simulator);
    const bodies = faults.map(({ body }) => typesOf(parser.parse(body)));
    const shutdown = await client.post(`vms/${vmId}/shutdown`, '<action/>');
    expect([shutdown.status, typesOf(parser.parse(shutdown.text))]).toEqual([409, bodies[0]]);
    expect(shutdown.text).toContain('<detail>[Cannot shutdown VM. VM is not running.]</detail>');
    const add = await client.post(
      'vms',
      `<vm><name>recorded</name><cluster><name>Default</name></cluster><snapshots><snapshot id="${snapshotId}"/></snapshots></vm>`,
    );
    expect([add.status, typesOf(parser.parse(add.text))]).toEqual([400, bodies[1]]);
    expect(add.text).toContain(
      '<detail>[Cannot add VM. The VM name is already in use, please choose a unique name and try again.]</detail>',
    );
    const incomplete = await client.post(`vms/${vmId}/snapshots`, '<snapshot/>');
    expect([incomplete.status, typesOf(parser.parse(incomplete.text))]).toEqual([400, bodies[4]]);
    expect(incomplete.text).toContain('<reason>Incomplete parameters</reason>');
  });
});

/** Paths of elements and attributes with the types of their values; the items of a collection lie over each other. */
function typesOf(value: unknown, path = ''): Record<string, string[]> {
  const types = new Map<string, Set<string>>();
  collect(value, path, types);
  return Object.fromEntries(
    [...types]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, set]) => [key, [...set].toSorted()]),
  );
}

function collect(value: unknown, path: string, types: Map<string, Set<string>>): void {
  if (Array.isArray(value)) {
    for (const item of value) collect(item, path, types);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) collect(inner, `${path}/${name}`, types);
  } else {
    const known = types.get(path) ?? new Set<string>();
    types.set(path, known.add(typeOf(String(value))));
  }
}

function typeOf(text: string): string {
  if (text === '') return 'empty';
  if (/^(true|false)$/.test(text)) return 'boolean';
  if (/^-?\d+$/.test(text)) return 'integer';
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return 'uuid';
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/.test(text)) return 'date';
  return text.startsWith('/') ? 'path' : 'text';
}
