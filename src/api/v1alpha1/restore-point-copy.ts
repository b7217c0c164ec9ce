import type { KubernetesObject } from '../kubernetes-object.ts';
import {
  azureIDPattern,
  DeletionPolicy,
  Encryption,
  localRef,
  location,
  maxIDLength,
  Operation,
  providerRef,
  Replication,
  readyToUse,
  resourceGroupName,
  StatusError,
  statusBase,
} from './common.ts';
import { collectionName, tags } from './restore-point-collection.ts';
import { duration, exactlyOne, immutable, object, optional, type Static, text, timestamp } from './schema.ts';

const RestorePointCopySpec = object(
  {
    source: object(
      {
        snapshotRef: optional(localRef('The VMSnapshot to copy. The copy waits until it is ready.')),
        restorePointID: optional(
          text(maxIDLength, {
            description: 'The restore point to copy, by its id. Set providerRef with it.',
            form: {
              pattern: azureIDPattern('[rR]estore[pP]oint[cC]ollections/[^/]+/[rR]estore[pP]oints/[^/]+'),
              message:
                'write the id of a restore point: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/restorePointCollections/../restorePoints/..',
            },
          }),
        ),
        providerRef: optional(
          providerRef(
            'The provider of restorePointID: goes with it, and only with it. A snapshotRef has that of its VMSnapshot.',
          ),
        ),
      },
      {
        description:
          'What is copied: a VMSnapshot, or a restore point by id. Set exactly one of snapshotRef, restorePointID.',
        rules: [
          exactlyOne('snapshotRef', 'restorePointID'),
          {
            rule: 'has(self.restorePointID) == has(self.providerRef)',
            message:
              "providerRef goes with restorePointID; a snapshotRef's provider is that of its VMSnapshot",
          },
        ],
      },
    ),
    target: object(
      {
        collectionRef: optional(
          localRef(
            'The RestorePointCollection that is to hold the copy; its source is the collection of the source.',
          ),
        ),
        location: optional(
          location(
            'The region. A collection is made there for the source collection and shared by its copies.',
          ),
        ),
        resourceGroup: optional(
          resourceGroupName("Resource group of the collection that is made. Unset: that of the source's."),
        ),
        collectionName: optional(
          collectionName('Name of the collection that is made. Unset: made from a hash.'),
        ),
        tags: optional(tags()),
      },
      {
        description: 'Where to. Set exactly one of collectionRef, location.',
        rules: [
          exactlyOne('collectionRef', 'location'),
          {
            rule: '!has(self.collectionRef) || !(has(self.resourceGroup) || has(self.collectionName) || has(self.tags))',
            message: 'resourceGroup, collectionName and tags go with location; a collectionRef has its own',
          },
        ],
      },
    ),
    encryption: optional(Encryption),
    deadline: optional(
      duration({
        description: 'Bounds the replication. Azure ends one itself after two weeks.',
        default: '336h',
        minimum: '1m',
      }),
    ),
    startDeadline: optional(
      duration({
        description:
          'Bounds the wait before the copy begins: for its source, and for older copies into the same collection.',
        default: '336h',
        minimum: '1m',
      }),
    ),
    deletionPolicy: optional(
      DeletionPolicy('Whether the copy at Azure goes with the object. Unset: Delete.'),
    ),
  },
  {
    description: 'What is wanted. All but deletionPolicy is fixed.',
    rules: immutable(
      { required: ['source', 'target'], optional: ['encryption', 'deadline', 'startDeadline'] },
      'make a new RestorePointCopy',
    ),
  },
);

const RestorePointCopyStatus = object(
  {
    ...statusBase,
    provisioningState: optional(
      text(64, {
        description:
          'Pending, Creating, Succeeded, Failed or Deleting. Succeeded means only that copying has begun: look at readyToUse.',
      }),
    ),
    readyToUse: optional(readyToUse('True only when every disk has replicated.')),
    restorePointID: optional(text(maxIDLength, { description: 'Id of the copy.' })),
    endpointID: optional(text(4096, { description: 'The endpoint on which it lies.' })),
    providerRef: optional(
      object(
        {
          kind: text(64, { description: 'VMProvider or ClusterVMProvider.' }),
          name: text(253, { description: 'Its name.' }),
        },
        { description: 'The provider, which the copy still needs when its VMSnapshot is gone.' },
      ),
    ),
    sourceRestorePointID: optional(
      text(maxIDLength, { description: 'Id of the restore point that is copied.' }),
    ),
    sourceCreationTime: optional(timestamp({ description: 'The point in time that it holds.' })),
    location: optional(text(64, { description: 'Region of the copy.' })),
    copyStartedAt: optional(timestamp({ description: 'When Azure took the request.' })),
    completionTime: optional(timestamp({ description: 'When every disk had replicated.' })),
    deletionPolicy: optional(text(64, { description: 'What holds: Delete or Retain.' })),
    consistency: optional(
      text(64, { description: 'How consistent it is, from its source: Application, FileSystem or Crash.' }),
    ),
    replication: optional(Replication),
    operation: optional(Operation),
    error: optional(StatusError),
  },
  {
    description: 'What was found and done. Only the operator writes it.',
    default: { observedGeneration: -1 },
  },
);

export const RestorePointCopySchema = object(
  { spec: RestorePointCopySpec, status: optional(RestorePointCopyStatus) },
  {
    description: 'RestorePointCopy is the copy of one restore point into another region.',
  },
);

export type RestorePointCopySpec = Static<typeof RestorePointCopySpec>;
export type RestorePointCopyStatus = Static<typeof RestorePointCopyStatus>;
export type RestorePointCopy = KubernetesObject & {
  spec: RestorePointCopySpec;
  status?: RestorePointCopyStatus;
};
