import { hostname } from 'node:os';
import type { KubernetesObject } from './api/kubernetes-object.ts';
import { namespaceType } from './controllers/resources.ts';
import type { Flags } from './flags.ts';
import { Operator } from './operator.ts';
import { systemClock } from './runtime/clock.ts';
import { createEventRecorder } from './runtime/events.ts';
import { createKubeClient, type KubeClient } from './runtime/kube/client.ts';
import { findConnection } from './runtime/kube/config.ts';
import { fencedClient } from './runtime/kube/fence.ts';
import { LeaderElection } from './runtime/leader-election.ts';
import type { Logger } from './runtime/log.ts';
import { createMetrics } from './runtime/metrics.ts';
import { serve } from './runtime/server.ts';
import { handleShutdown } from './runtime/shutdown.ts';

/** A watch that has heard nothing for so long, bookmarks included, is not alive. */
const silentTooLongMs = 300_000;

export interface RunOptions {
  flags: Flags;
  version: string;
  log: Logger;
  /** Told at each step of the protocol; tests end the process there. */
  onStep?: (step: string, object: KubernetesObject) => void;
}

/** Runs the operator until it is told to stop; resolves as soon as it works. Rejects when it cannot start. */
export async function runOperator({ flags, version, log, onStep }: RunOptions): Promise<void> {
  const metrics = createMetrics({ version });
  const connection = await findConnection({ kubeconfig: flags.kubeconfig, context: flags.context });
  const client = createKubeClient(connection, {
    userAgent: `keyframe/${version}`,
    onRequest: (record) => metrics.onRequest(record),
  });
  const namespace = flags.namespace ?? process.env.POD_NAMESPACE ?? connection.namespace;
  const cluster = flags.clusterID ?? (await clusterIDOf(client));
  const events = createEventRecorder({
    client,
    reportingController: 'keyframe.dev/operator',
    reportingInstance: process.env.POD_NAME ?? hostname(),
    log,
  });
  metrics.watchEvents(() => events.dropped);

  const operator = new Operator({
    client,
    settings: {
      cluster,
      operatorNamespace: namespace,
      pollIntervalMs: flags.pollInterval,
      progressIntervalMs: flags.progressInterval,
      driftIntervalMs: flags.driftInterval,
      retryIntervalMs: flags.retryInterval,
      abandonAfterMs: flags.abandonAfter,
      namespacedAmbientCredentials: flags.namespacedAmbientCredentials,
      ambientHosts: flags.ambientHosts,
    },
    namespaces: flags.namespaces,
    watchLabelSelector: flags.watchLabelSelector,
    workers: flags.workers,
    settleMs: flags.settleTime,
    clock: systemClock,
    log,
    metrics,
    events,
    ...(onStep === undefined ? {} : { onStep }),
  });
  const election = flags.leaderElect
    ? new LeaderElection({
        client,
        namespace,
        name: flags.leaderElectionName,
        leaseDurationMs: flags.leaseDuration,
        renewDeadlineMs: flags.renewDeadline,
        retryPeriodMs: flags.retryPeriod,
        log,
        onStartedLeading: (signal) => {
          metrics.setLeader(true);
          operator.start(fencedClient(client, signal), signal);
        },
        onStoppedLeading: (lost) => {
          metrics.setLeader(false);
          // Another leads now. A fresh start is the surest way to forget what this one believed.
          if (lost) shutdown.begin('the lease was lost', 1);
        },
      })
    : undefined;

  const stopping = new AbortController();
  const healthy = () => {
    const age = operator.lastContactAgeMs();
    if (operator.synced && age > silentTooLongMs)
      throw new Error(`the API server was last heard ${Math.round(age / 1000)} s ago`);
  };
  const ready = () => {
    if (!operator.synced)
      throw new Error(`the caches are not complete: ${operator.obstacle ?? 'they are being listed'}`);
  };
  const mayLead = () => {
    if (election?.obstacle !== undefined)
      throw new Error(`this process can never lead: ${election.obstacle}`);
  };
  const metricsServer = await serve(flags.metricsAddress, { metrics: metrics.registry });
  const healthServer = await serve(flags.healthAddress, {
    health: { watches: healthy },
    ready: { caches: ready, election: mayLead },
  });
  log.info('keyframe starts', {
    version,
    cluster,
    namespace,
    namespaces: flags.namespaces ?? 'all',
    server: connection.server,
    metrics: metricsServer?.url,
    health: healthServer?.url,
  });

  const shutdown = handleShutdown({
    log,
    limitMs: flags.shutdownGrace + 10_000,
    stop: async () => {
      stopping.abort(new Error('the process is stopping'));
      await operator.stop(flags.shutdownGrace);
      await events.flush(2_000);
      await election?.stop();
      await operator.close();
      await Promise.all([metricsServer?.close(), healthServer?.close()]);
      await client.close();
    },
  });

  await operator.sync(stopping.signal);
  log.info('caches are complete');
  if (election === undefined) {
    metrics.setLeader(true);
    operator.start(client);
  } else {
    void election.run();
  }
}

/** The UID of kube-system is the usual name of a cluster; eight characters of it are enough beside an object's UID. */
async function clusterIDOf(client: KubeClient): Promise<string> {
  try {
    const { metadata } = await client.get(namespaceType, { name: 'kube-system' });
    return (metadata.uid ?? '').replaceAll('-', '').slice(0, 8);
  } catch (error) {
    throw new Error(
      `the namespace kube-system, whose UID names this cluster, cannot be read; grant it, or set --cluster-id`,
      { cause: error },
    );
  }
}
