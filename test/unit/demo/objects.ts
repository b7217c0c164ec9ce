import type { Observation } from '../../demo/observation.ts';

export function observation(parts: Partial<Observation>): Observation {
  return { providers: [], snapshots: [], copies: [], restores: [], collections: [], events: [], ...parts };
}
