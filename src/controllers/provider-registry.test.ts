import { describe, expect, it } from 'vitest';
import { ProviderRegistry, providerKey, waitingForProvider } from './provider-registry.ts';
import { aProvider } from './testing/builders.ts';

describe('the key of a provider', () => {
  it('keeps kinds and namespaces apart', () => {
    expect(providerKey({ name: 'azure' }, 'team-a')).toBe('VMProvider/team-a/azure');
    expect(providerKey({ kind: 'VMProvider', name: 'azure' }, 'team-a')).toBe('VMProvider/team-a/azure');
    expect(providerKey({ kind: 'ClusterVMProvider', name: 'azure' }, 'team-a')).toBe(
      'ClusterVMProvider/azure',
    );
  });
});

describe('the registry', () => {
  it('knows what was set, and asks for what was not', () => {
    const registry = new ProviderRegistry((key) => ({ state: key === 'a' ? 'Absent' : 'Untried' }));
    const ready = { state: 'Ready', provider: aProvider() } as const;
    expect(registry.get('a')).toEqual({ state: 'Absent' });
    registry.set('a', ready);
    expect(registry.get('a')).toBe(ready);
    registry.set('a', { state: 'Absent' });
    expect(registry.get('a')).toEqual({ state: 'Absent' });
    expect(registry.get('b')).toEqual({ state: 'Untried' });
  });

  it('tells each change, also of what went, and each suspicion', () => {
    const told: string[] = [];
    const registry = new ProviderRegistry(() => ({ state: 'Absent' }));
    registry.onChange((key) => told.push(`changed ${key}`));
    registry.onSuspicion((key) => told.push(`suspected ${key}`));
    registry.set('a', { state: 'Ready', provider: aProvider() });
    registry.set('a', { state: 'Absent' });
    registry.suspect('a');
    expect(told).toEqual(['changed a', 'changed a', 'suspected a']);
  });
});

describe('who waits for a provider', () => {
  const ref = { kind: 'ClusterVMProvider', name: 'azure' } as const;
  it.each([
    [
      'is told that it is not there',
      waitingForProvider(ref, { state: 'Absent' }),
      'ReferenceNotFound',
      'ClusterVMProvider azure, which providerRef names, is not there. Make it, or give the right name in a new object',
    ],
    [
      'is told where it is not, and how one is named that lies in no namespace',
      waitingForProvider({ name: 'azure' }, { state: 'Absent' }),
      'ReferenceNotFound',
      'VMProvider azure, which providerRef names, is not in this namespace. Make it, or give the right name in a new object; for a ClusterVMProvider set providerRef.kind',
    ],
    [
      'is told why it is not ready',
      waitingForProvider(
        { name: 'azure' },
        { state: 'NotReady', reason: 'PermissionDenied', message: 'no role' },
      ),
      'WaitingForProvider',
      'VMProvider azure is not ready: PermissionDenied: no role',
    ],
    [
      'is told so where the provider is not known',
      waitingForProvider(undefined, { state: 'Absent' }),
      'ReferenceNotFound',
      'the provider, which providerRef names, is not there. Make it, or give the right name in a new object',
    ],
  ])('%s', (_sentence, verdict, reason, message) => {
    expect(verdict).toEqual({ reason, message });
  });
});
