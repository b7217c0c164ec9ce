import type { Verdict } from '../api/conditions.ts';
import type { Reason } from '../api/reasons.ts';
import type { ProviderRef } from '../api/v1alpha1/common.ts';
import type { AccessRule } from '../api/v1alpha1/vm-provider.ts';
import type { AnyProvider } from '../providers/any-provider.ts';

/** What is known of a provider object. */
export type ProviderState =
  /** Not tried yet by this process: conclude nothing, say nothing; a change will be told. */
  | { state: 'Untried' }
  /** There is no such object. */
  | { state: 'Absent' }
  /** `provider` is there when the connection could be built: what is under way may go on through it. */
  | { state: 'NotReady'; reason: Reason; message: string; provider?: AnyProvider; access?: AccessRule[] }
  | { state: 'Ready'; provider: AnyProvider; access?: AccessRule[] };

/** Names a provider object: `VMProvider/<namespace>/<name>` or `ClusterVMProvider/<name>`. */
export type ProviderKey = string;

/** The key of the provider that an object of a namespace refers to. */
export function providerKey(ref: ProviderRef, namespace: string): ProviderKey {
  return ref.kind === 'ClusterVMProvider'
    ? `ClusterVMProvider/${ref.name}`
    : `VMProvider/${namespace}/${ref.name}`;
}

/** What is said of an object that waits for its provider; `ref` is undefined where that is not known. */
export function waitingForProvider(
  ref: ProviderRef | undefined,
  state: Exclude<ProviderState, { state: 'Untried' }>,
): Verdict {
  const called = ref === undefined ? 'the provider' : `${ref.kind ?? 'VMProvider'} ${ref.name}`;
  const isShared = ref?.kind === 'ClusterVMProvider';
  const where = ref === undefined || isShared ? 'there' : 'in this namespace';
  const hint = ref === undefined || isShared ? '' : '; for a ClusterVMProvider set providerRef.kind';
  if (state.state === 'Absent')
    return {
      reason: 'ReferenceNotFound',
      message: `${called}, which providerRef names, is not ${where}. Make it, or give the right name in a new object${hint}`,
    };
  const why = state.state === 'Ready' ? '' : `: ${state.reason}: ${state.message}`;
  return { reason: 'WaitingForProvider', message: `${called} is not ready${why}` };
}

/** The connections that this process holds. Written by the provider controller, read by all others. */
export class ProviderRegistry {
  readonly #states = new Map<ProviderKey, ProviderState>();
  readonly #listeners: ((key: ProviderKey) => void)[] = [];
  readonly #suspicions: ((key: ProviderKey) => void)[] = [];
  readonly #unregistered: (key: ProviderKey) => ProviderState;

  /** @param unregistered what is known of a provider that was not tried yet */
  constructor(unregistered: (key: ProviderKey) => ProviderState) {
    this.#unregistered = unregistered;
  }

  get(key: ProviderKey): ProviderState {
    return this.#states.get(key) ?? this.#unregistered(key);
  }

  /** Every connection that is held. */
  connections(): AnyProvider[] {
    return [...this.#states.values()].flatMap((state) =>
      'provider' in state && state.provider !== undefined ? [state.provider] : [],
    );
  }

  set(key: ProviderKey, state: ProviderState): void {
    if (state.state === 'Absent') this.#states.delete(key);
    else this.#states.set(key, state);
    for (const listener of this.#listeners) listener(key);
  }

  /** Someone's call was refused for its credentials: the provider controller should look at once. */
  suspect(key: ProviderKey): void {
    for (const listener of this.#suspicions) listener(key);
  }

  onChange(listener: (key: ProviderKey) => void): void {
    this.#listeners.push(listener);
  }

  onSuspicion(listener: (key: ProviderKey) => void): void {
    this.#suspicions.push(listener);
  }
}
