import type { SimulatorOptions } from '../common/simulator.ts';
import type { QuotaOverrides } from './throttle.ts';

/** How long work takes, in simulated seconds. The defaults are the medians of the Azure sheet, section 5. */
export interface Durations {
  /** A default (application consistent) create. */
  createSeconds: number;
  /** Creates of VMs in a region, of either kind; a VM's own `createSeconds` goes before it. */
  createSecondsByRegion: Record<string, number>;
  /** A crash consistent create. */
  crashConsistentCreateSeconds: number;
  /** The start of a copy, after which `provisioningState` is Succeeded. */
  copyStartSeconds: number;
  deletePointSeconds: number;
  /** Deletion of an empty collection; one with points takes as long as deleting a point. */
  deleteCollectionSeconds: number;
  /** Data movement of one disk to another region. */
  replicationSeconds: number;
  /** How often the progress of replication is refreshed. */
  replicationRefreshSeconds: number;
  /** After how long the platform ends a copy that is not done. */
  replicationLimitSeconds: number;
  /** How long the service waits for a guest agent that does not answer. */
  agentTimeoutSeconds: number;
  /** DiskRP's work: a disk made from a disk restore point, a SAS granted or revoked. */
  diskSeconds: number;
  /** Start and deallocation of a VM. */
  powerSeconds: number;
  /** How long an ended operation can still be polled. */
  operationRetentionSeconds: number;
}

/** How Azure behaves where it has several ways, or where the Azure sheet marks a fact as unconfirmed. */
export interface Behaviour {
  /** 201 with Azure-AsyncOperation only, or with Location and Retry-After as well. */
  createHeaders: 'asynchronous-operation' | 'with-location';
  /** A second PUT on an existing restore point (unconfirmed): 409, 400, or 201 again. */
  secondPut: 'conflict' | 'bad-request' | 'created';
  /** What VM state and limits forbid (unconfirmed): refused with 409, or accepted and then Failed. */
  refusals: 'synchronous' | 'asynchronous';
  /** A create on a deallocated or stopped VM (unconfirmed). */
  stoppedVm: 'crash-consistent' | 'refused';
  /** Deletion of a point that is being made, replicates, or whose copy replicates (unconfirmed). */
  deleteWhileBusy: 'conflict' | 'accepted';
  /** The expanded instance view of a point in its VM's own region. */
  localInstanceView: 'absent' | 'without-replication-status';
  /** The body of a Compute 429: without the `error` envelope as documented, or with it. */
  throttleBody: 'bare' | 'wrapped';
  /** x-ms-ratelimit-remaining-resource: policies joined by commas, or one header for each. */
  rateLimitHeader: 'joined' | 'repeated';
  /** The display text of a disk that has replicated; both were seen. */
  replicatedDisplayStatus: 'Succeeded' | 'Replication succeeded';
  /** The state of a point of which a disk failed to replicate (unconfirmed). */
  failedReplication: 'point-failed' | 'point-succeeded';
  /** Accepts 2021-03-01, whose restore points have no `properties` envelope. */
  acceptVersionsWithoutEnvelope: boolean;
  /** Takes points of a VM straight into a collection in another region. */
  directCrossRegion: boolean;
  /** Items on a page of a list. */
  pageSize: number;
  /** Restore points of one VM, over all its collections. */
  restorePointsPerVm: number;
}

/** How the simulator is started. Everything has a default. */
export interface AzureSimulatorOptions extends SimulatorOptions {
  /** Ports; 0 or absent: any free one. */
  ports?: { resourceManager?: number; authority?: number; managedIdentity?: number };
  tenantId?: string;
  subscriptionId?: string;
  clientId?: string;
  clientSecret?: string;
  /** Seconds that a token lives; real ones, since clients plan with them. */
  tokenLifetimeSeconds?: number;
  durations?: Partial<Durations>;
  behaviour?: Partial<Behaviour>;
  /** false: nothing is throttled but by fault. Otherwise quotas by policy name, over the defaults. */
  throttling?: false | QuotaOverrides;
  /** Holds each of the simulator's own answers against the contract and records what does not fit. */
  verifyAnswers?: boolean;
}

export const defaultDurations: Durations = {
  createSeconds: 44,
  createSecondsByRegion: {},
  crashConsistentCreateSeconds: 155,
  copyStartSeconds: 15,
  deletePointSeconds: 10,
  deleteCollectionSeconds: 0.1,
  replicationSeconds: 45 * 60,
  replicationRefreshSeconds: 10 * 60,
  replicationLimitSeconds: 14 * 24 * 60 * 60,
  agentTimeoutSeconds: 25 * 60,
  diskSeconds: 1,
  powerSeconds: 20,
  operationRetentionSeconds: 24 * 60 * 60,
};

export const defaultBehaviour: Behaviour = {
  createHeaders: 'asynchronous-operation',
  secondPut: 'conflict',
  refusals: 'synchronous',
  stoppedVm: 'crash-consistent',
  deleteWhileBusy: 'conflict',
  localInstanceView: 'absent',
  throttleBody: 'bare',
  rateLimitHeader: 'joined',
  replicatedDisplayStatus: 'Succeeded',
  failedReplication: 'point-failed',
  acceptVersionsWithoutEnvelope: false,
  directCrossRegion: true,
  pageSize: 50,
  restorePointsPerVm: 500,
};
