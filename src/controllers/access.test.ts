import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../api/v1alpha1/vm-provider.ts';
import { type AccessRequest, grants } from './access.ts';

const request: AccessRequest = {
  operation: 'Snapshot',
  namespace: 'team-a',
  namespaceLabels: { 'kubernetes.io/metadata.name': 'team-a', tier: 'gold' },
  vm: {
    id: '/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/vm',
    name: 'vm',
    resourceGroup: 'RG',
  },
  target: { resourceGroup: 'rg-backup', location: 'westeurope' },
};
const all: AccessRule = { namespaceSelector: {}, operations: ['Snapshot', 'Copy', 'Adopt', 'Restore'] };

describe('access', () => {
  it.each<[string, AccessRule[] | undefined, boolean]>([
    ['is not granted without rules', undefined, false],
    ['is not granted by no rule', [], false],
    ['is granted by a rule that leaves everything open', [all], true],
    ['is not granted for another operation', [{ ...all, operations: ['Copy', 'Restore'] }], false],
    ['is granted by label', [{ ...all, namespaceSelector: { matchLabels: { tier: 'gold' } } }], true],
    [
      'is not granted by half of the labels',
      [{ ...all, namespaceSelector: { matchLabels: { tier: 'gold', zone: 'a' } } }],
      false,
    ],
    [
      'is granted to a VM by id, without case',
      [{ ...all, vms: { ids: [request.vm.id.toLowerCase()] } }],
      true,
    ],
    ['is granted to a VM by name, without case', [{ ...all, vms: { names: ['VM'] } }], true],
    [
      'is granted to a VM by resource group, without case',
      [{ ...all, vms: { resourceGroups: ['rg'] } }],
      true,
    ],
    [
      'is granted when one of id, name and resource group fits',
      [{ ...all, vms: { names: ['other'], resourceGroups: ['rg'] } }],
      true,
    ],
    [
      'is not granted to another VM',
      [{ ...all, vms: { names: ['vm2'], ids: [`${request.vm.id}2`] } }],
      false,
    ],
    ['is not granted by a name that is only a part', [{ ...all, vms: { names: ['v', 'v*', '*'] } }], false],
    ['is granted into a resource group', [{ ...all, targets: { resourceGroups: ['RG-Backup'] } }], true],
    ['is not granted into another resource group', [{ ...all, targets: { resourceGroups: ['rg'] } }], false],
    ['is granted into a region in any spelling', [{ ...all, targets: { locations: ['West Europe'] } }], true],
    ['is not granted into another region', [{ ...all, targets: { locations: ['northeurope'] } }], false],
    [
      'needs resource group and region both',
      [{ ...all, targets: { resourceGroups: ['rg-backup'], locations: ['northeurope'] } }],
      false,
    ],
    [
      'is not put together from two rules',
      [
        { ...all, vms: { names: ['vm'] }, targets: { locations: ['northeurope'] } },
        { ...all, vms: { names: ['other'] }, targets: { locations: ['westeurope'] } },
      ],
      false,
    ],
    ['is granted by the second rule as well as by the first', [{ ...all, operations: ['Copy'] }, all], true],
  ])('%s', (_sentence, rules, granted) => {
    expect(grants(rules, request)).toBe(granted);
  });

  it.each<[string, NonNullable<AccessRule['namespaceSelector']['matchExpressions']>, boolean]>([
    ['In with the value', [{ key: 'tier', operator: 'In', values: ['silver', 'gold'] }], true],
    ['In without the value', [{ key: 'tier', operator: 'In', values: ['silver'] }], false],
    ['In of an absent label', [{ key: 'zone', operator: 'In', values: ['a'] }], false],
    ['NotIn without the value', [{ key: 'tier', operator: 'NotIn', values: ['silver'] }], true],
    ['NotIn with the value', [{ key: 'tier', operator: 'NotIn', values: ['gold'] }], false],
    ['NotIn of an absent label', [{ key: 'zone', operator: 'NotIn', values: ['a'] }], true],
    ['Exists', [{ key: 'tier', operator: 'Exists' }], true],
    ['Exists of an absent label', [{ key: 'zone', operator: 'Exists' }], false],
    ['Exists of a name that every object has', [{ key: 'toString', operator: 'Exists' }], false],
    ['DoesNotExist', [{ key: 'zone', operator: 'DoesNotExist' }], true],
    ['DoesNotExist of a present label', [{ key: 'tier', operator: 'DoesNotExist' }], false],
    [
      'two expressions of which one holds',
      [
        { key: 'tier', operator: 'Exists' },
        { key: 'zone', operator: 'Exists' },
      ],
      false,
    ],
  ])('by %s', (_sentence, matchExpressions, granted) => {
    expect(grants([{ ...all, namespaceSelector: { matchExpressions } }], request)).toBe(granted);
  });

  it('is never less for one rule more, and never more for one rule with a condition more', () => {
    const names = fc.constantFrom('vm', 'VM', 'other');
    const rule: fc.Arbitrary<AccessRule> = fc.record(
      {
        namespaceSelector: fc.constantFrom(
          {},
          { matchLabels: { tier: 'gold' } },
          { matchLabels: { tier: 'x' } },
        ),
        operations: fc.subarray(['Snapshot', 'Copy', 'Adopt', 'Restore'] as const).map((list) => [...list]),
        vms: fc.record({ names: fc.array(names) }),
        targets: fc.record({ locations: fc.array(fc.constantFrom('westeurope', 'northeurope')) }),
      },
      { requiredKeys: ['namespaceSelector', 'operations'] },
    );
    fc.assert(
      fc.property(fc.array(rule), rule, (rules, more) => {
        if (grants(rules, request)) expect(grants([...rules, more], request)).toBe(true);
        const narrower = { ...more, vms: { names: [] } };
        if (!grants([more], request)) expect(grants([narrower], request)).toBe(false);
        expect(grants([narrower], request)).toBe(false);
      }),
    );
  });
});
