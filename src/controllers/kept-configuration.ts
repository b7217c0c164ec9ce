import { createHash } from 'node:crypto';
import { group, version } from '../api/kinds.ts';
import type { KubernetesObject } from '../api/kubernetes-object.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { ApiError, isAlreadyExists } from '../runtime/kube/errors.ts';
import type { KubeObject } from '../runtime/kube/types.ts';
import { configMapType } from './resources.ts';

/** The key in the ConfigMap. */
const key = 'configuration.ovf';
/** Tells whose configuration a ConfigMap holds. */
const ownerLabel = `${group}/vmsnapshot-uid`;
/** A ConfigMap takes 1 MiB; names and labels take little of it. */
const longestBytes = 1_000_000;

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/**
 * Keeps the configuration of a VM (OVF, free of secrets) in a ConfigMap of the object's namespace. It is made once
 * and never changed; one of that name that holds something else is left as it is.
 *
 * @param withObject whether the ConfigMap goes when the object goes: where the snapshot stays, so does this
 * @returns true when it is kept, else why it is not
 */
export async function keepConfiguration(
  client: KubeClient,
  object: KubernetesObject,
  { name, text, withObject }: { name: string; text: string; withObject: boolean },
  signal: AbortSignal,
): Promise<true | string> {
  const { namespace, uid } = object.metadata;
  if (Buffer.byteLength(text) > longestBytes)
    return `the configuration of the VM is too long for a ConfigMap (${Buffer.byteLength(text)} bytes)`;
  const owner = {
    apiVersion: `${group}/${version}`,
    kind: object.kind ?? 'VMSnapshot',
    name: object.metadata.name,
    uid,
  };
  try {
    await client.create(
      configMapType,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name,
          namespace,
          labels: { [ownerLabel]: uid },
          annotations: { [`${group}/sha256`]: createHash('sha256').update(text).digest('hex') },
          ...(withObject ? { ownerReferences: [owner] } : {}),
        },
        data: { [key]: text },
      },
      { signal },
    );
    return true;
  } catch (error) {
    if (!isAlreadyExists(error)) return refusal(error, name);
  }
  try {
    const present = await client.get<ConfigMap>(configMapType, { namespace, name }, { signal });
    if (present.metadata.labels?.[ownerLabel] === uid) return true;
    return `ConfigMap ${name}, which spec.ovirt.saveConfigurationTo names, is there already and not of this VMSnapshot; it is left as it is`;
  } catch (error) {
    return refusal(error, name);
  }
}

/** What a refusal for good says; anything else is for the caller to try again. */
function refusal(error: unknown, name: string): string {
  if (error instanceof ApiError && [403, 404, 413, 422].includes(error.status))
    return `ConfigMap ${name} could not be written: ${error.message}`;
  throw error;
}
