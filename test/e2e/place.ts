/** What the process outside the namespaces tells the tests inside. */
import type { Images } from './images.ts';

export interface Place extends Images {
  /** For all that is written. */
  folder: string;
  /** The cgroup under which all Pods are. */
  cgroup: string;
  /** The folder of CNI's plugins. */
  cniPlugins: string;
}

/** Where CNI's library keeps what it did, by a name that is fixed. */
export const cniState = '/var/lib/cni';

export const placeVariable = 'KEYFRAME_E2E_PLACE';

/** Reads it. Throws where the tests were started by hand. */
export function readPlace(): Place {
  const text = process.env[placeVariable];
  if (text === undefined) throw new Error('these tests run in namespaces of their own: npm run e2e');
  return JSON.parse(text) as Place;
}
