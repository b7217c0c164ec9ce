/** What vendors have and nobody manages, and the manifests that adopt it. Pure. */
import { dump } from 'js-yaml';
import { apiVersion } from '../api/kinds.ts';
import type { VMSnapshotSpec } from '../api/v1alpha1/vm-snapshot.ts';
import type { InventoryItemStatus, VMSnapshotInventory } from '../api/v1alpha1/vm-snapshot-inventory.ts';
import { type Manifest, nameFor } from './manifests.ts';
import { readyOf, stateOf } from './objects.ts';
import { age, counted, cut, harmless, padded, type Style, widthOf } from './text.ts';
import { pathOf } from './tree.ts';
import { type Look, objectLines } from './tree-view.ts';

/** Whose a snapshot at the vendor is. */
export type Whose = 'managed' | 'orphan' | 'other cluster' | 'foreign';

export function whoseIs({ managedBy }: InventoryItemStatus): Whose {
  if (managedBy === 'OrphanOfThisCluster') return 'orphan';
  if (managedBy === 'OtherCluster') return 'other cluster';
  return managedBy === 'Foreign' ? 'foreign' : 'managed';
}

/** What is to be shown of inventories. */
export interface Wanted {
  /** What objects of this cluster manage, too. */
  managed: boolean;
  /** Adopt also what other clusters made: it is theirs, unless they are lost. */
  otherClusters: boolean;
}

const styles: Record<Whose, Style> = {
  managed: 'dim',
  orphan: 'yellow',
  'other cluster': 'dim',
  foreign: 'cyan',
};

/** The inventories one below the other, each with what it found. */
export function discoveryLines(
  inventories: readonly VMSnapshotInventory[],
  { managed }: Wanted,
  look: Look & { now: number; wide: boolean; namespaces: boolean },
): string[] {
  const { columns, paint, glyphs, now } = look;
  return inventories.flatMap((inventory, at) => {
    const { metadata, status, spec } = inventory;
    const namespace = look.namespaces ? `${metadata.namespace} ` : '';
    const place = `${namespace}${pathOf(inventory)}  ${placeOf(inventory)}, by ${spec.providerRef.name}`;
    const head = [...(at > 0 ? [''] : []), paint('bold', cut(place, columns, glyphs.ellipsis))];
    if (stateOf(inventory) !== 'Ready') head.push(...objectLines(inventory, look));
    const items = status?.items ?? [];
    const shown = items.filter((item) => managed || whoseIs(item) !== 'managed');
    const others = items.length - shown.length;
    const ages = shown.map(({ createdAt }) =>
      createdAt === undefined ? '' : `${age(now - Date.parse(createdAt))} ago`,
    );
    const widths = {
      whose: Math.max(0, ...shown.map((item) => widthOf(whoseIs(item)))),
      age: Math.max(0, ...ages.map(widthOf)),
    };
    const rows = shown.flatMap((item, index) => {
      const whose = whoseIs(item);
      const left = `  ${paint(styles[whose], padded(whose, widths.whose))}  ${padded(ages[index] ?? '', widths.age)}  `;
      const room = columns - widths.whose - widths.age - 6;
      const by = whose === 'managed' ? `${item.managedBy}: ` : '';
      const told = [item.name ?? item.id, item.description]
        .filter((text) => text !== undefined && text !== '')
        // At oVirt the name is the mark, which is part of the description.
        .filter((text, position, all) => position === 0 || !text?.includes(all[0] ?? ''))
        .join(': ');
      const line = `${left}${cut(by + told, Math.max(10, room), glyphs.ellipsis)}`;
      return look.wide ? [line, paint('dim', `    ${harmless(item.id)}`)] : [line];
    });
    const rest = [
      ...(items.length === 0 && status?.items !== undefined ? ['nothing is there'] : []),
      ...(others > 0 ? [`and ${others} that objects of this cluster manage`] : []),
      ...(status?.truncated === true ? ['there is more than spec.limit shows'] : []),
    ];
    return [...head, ...rows, ...(rest.length === 0 ? [] : [paint('dim', `  ${rest.join('; ')}`)])];
  });
}

function placeOf({ spec, status }: VMSnapshotInventory): string {
  const { vm, collection, storageDomain } = spec.scope;
  if (vm !== undefined) return `VM ${status?.vm?.name ?? vm.name ?? vm.id}`;
  if (collection !== undefined) return `collection ${collection.split('/').at(-1)}`;
  return `storage domain ${storageDomain}`;
}

export interface Adoption {
  manifest: Manifest<VMSnapshotSpec>;
  item: InventoryItemStatus;
}

/**
 * The manifests that adopt what nobody manages: each once, though several inventories have it, and with
 * deletionPolicy Retain, so that nothing goes at the vendor because an object goes.
 */
export function adoptions(
  inventories: readonly VMSnapshotInventory[],
  { otherClusters }: Wanted,
): Adoption[] {
  const seen = new Set<string>();
  const names = new Set<string>();
  return inventories.flatMap((inventory) => {
    const { metadata, spec, status } = inventory;
    const { namespace = '' } = metadata;
    return (status?.items ?? [])
      .filter((item) => isAdoptable(item, otherClusters))
      .filter(({ id }) => {
        const key = `${namespace}/${status?.endpointID}/${id.toLowerCase()}`;
        return !seen.has(key) && seen.add(key);
      })
      .map((item) => ({
        item,
        manifest: {
          apiVersion,
          kind: 'VMSnapshot',
          metadata: { name: freeName(inventory, item, names), namespace },
          spec: {
            providerRef: spec.providerRef,
            source: { existing: existingOf(item) },
            deletionPolicy: 'Retain' as const,
          },
        },
      }));
  });
}

function isAdoptable(item: InventoryItemStatus, otherClusters: boolean): boolean {
  const whose = whoseIs(item);
  return whose === 'orphan' || whose === 'foreign' || (whose === 'other cluster' && otherClusters);
}

/** An Azure id holds what it is of; oVirt's and SPF's go with that of their VM. */
function existingOf({ id, vmID }: InventoryItemStatus): NonNullable<VMSnapshotSpec['source']['existing']> {
  return id.startsWith('/') || vmID === undefined ? { id } : { id, vm: { id: vmID } };
}

function freeName(
  { metadata, spec, status }: VMSnapshotInventory,
  item: InventoryItemStatus,
  taken: Set<string>,
): string {
  const about = status?.vm?.name ?? spec.scope.collection ?? metadata.name;
  const name = nameFor(about, Date.parse(item.createdAt ?? metadata.creationTimestamp));
  for (let count = 1; ; count++) {
    const next = count === 1 ? name : `${name}-${count}`;
    const key = `${metadata.namespace}/${next}`;
    if (taken.has(key)) continue;
    taken.add(key);
    return next;
  }
}

/** Manifests as one YAML text, each below what it is. */
export function adoptionText(all: readonly Adoption[]): string {
  return all
    .map(({ manifest, item }) => {
      const said = [whoseIs(item), item.createdAt, item.name, item.description].filter(
        (text) => text !== undefined,
      );
      return `# ${harmless(said.join(', ')).slice(0, 200)}\n${dump(manifest, { noRefs: true, lineWidth: -1 })}`;
    })
    .join('---\n');
}

/** What to do with what was found. */
export function adviceOn(
  inventories: readonly VMSnapshotInventory[],
  wanted: Wanted,
  command: string,
): string | undefined {
  const count = adoptions(inventories, wanted).length;
  return count === 0
    ? undefined
    : `${command} -o yaml prints ${counted(count, 'manifest')} to adopt what nobody manages.`;
}

/** Whether an inventory has been answered: looked at, and not still waiting for its first look. */
export function isAnswered(inventory: VMSnapshotInventory): boolean {
  return readyOf(inventory) !== undefined && stateOf(inventory) !== 'Working';
}
