import type { CallOptions, KubeClient } from './client.ts';

/**
 * A client that writes only until a signal is aborted: give it the leader's, and nothing is written once the lease
 * is lost. Writes in flight are given up at that moment, later ones are never sent. Reads go on.
 */
export function fencedClient(client: KubeClient, fence: AbortSignal): KubeClient {
  const within = <O extends CallOptions>(options: O | undefined): O => {
    const signal = options?.signal === undefined ? fence : AbortSignal.any([fence, options.signal]);
    return { ...(options as O), signal };
  };
  return {
    get: (resource, ref, options) => client.get(resource, ref, options),
    list: (resource, options) => client.list(resource, options),
    listAll: (resource, options) => client.listAll(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    create: (resource, object, options) => client.create(resource, object, within(options)),
    mergePatch: (resource, ref, patch, options) => client.mergePatch(resource, ref, patch, within(options)),
    mergePatchStatus: (resource, ref, patch, options) =>
      client.mergePatchStatus(resource, ref, patch, within(options)),
    delete: (resource, ref, options) => client.delete(resource, ref, within(options)),
    close: () => client.close(),
  };
}
