import type { KubernetesObject } from '../kubernetes-object.ts';
import {
  azureVMRef,
  collectionID,
  DeletionPolicy,
  localRef,
  location,
  maxIDLength,
  Operation,
  ProviderRef,
  resourceGroupName,
  StatusError,
  statusBase,
} from './common.ts';
import {
  boolean,
  immutable,
  integer,
  list,
  object,
  optional,
  type Static,
  stringMap,
  text,
  timestamp,
  union,
} from './schema.ts';

/** The name of a restore point collection, by Azure's rule for names of compute resources. */
export const collectionName = (description: string) =>
  text(80, {
    description,
    minLength: 1,
    form: {
      pattern: '^[A-Za-z0-9]([-\\w.]*\\w)?$',
      message:
        'write letters, digits, -, _ and ., with a letter or digit at the beginning and no - or . at the end',
    },
    rules: [
      {
        rule: "!self.lowerAscii().startsWith('azurebackup_')",
        message: 'names that begin with AzureBackup_ are those of Azure Backup; choose another',
      },
    ],
  });

/** Tags of a restore point collection. Azure compares their names without regard to case. */
export const tags = () =>
  stringMap({
    description: 'Tags. Keyframe adds keyframe-owner to those that it makes.',
    maxProperties: 40,
    maxValueLength: 256,
    rules: [
      {
        rule: "!self.exists(tag, tag.lowerAscii() == 'keyframe-owner')",
        message: 'the tag keyframe-owner is written by Keyframe; leave it away',
      },
    ],
  });

const RestorePointCollectionSpec = object(
  {
    providerRef: ProviderRef,
    name: optional(collectionName('Name at Azure. Unset: made from the UID of this object.')),
    resourceGroup: optional(resourceGroupName("Resource group. Unset: the VM's or the source collection's.")),
    location: optional(
      location("Region. Unset: the VM's; for copies it must be set, to another than the source's."),
    ),
    tags: optional(tags()),
    deletionPolicy: optional(
      DeletionPolicy(
        'Delete: the collection goes with this object if Keyframe made it, nothing refers to it and it is empty; else it stays, and an Event says so. Unset: Delete for made, Retain for adopted ones.',
      ),
    ),
    source: union(
      {
        vm: optional(azureVMRef('Restore points of this VM.')),
        collectionRef: optional(localRef('Copies of restore points of this RestorePointCollection.')),
        collectionID: optional(collectionID('Copies of restore points of this Azure collection.')),
        adopt: optional(
          object(
            {
              id: collectionID('Id of the collection.', [
                {
                  rule: "!self.lowerAscii().contains('/restorepointcollections/azurebackup_')",
                  message: 'a collection of Azure Backup cannot be adopted; leave it to Azure Backup',
                },
              ]),
            },
            { description: 'A collection that is there. Its tags are left as they are.' },
          ),
        ),
      },
      { description: 'What the collection holds.' },
    ),
  },
  {
    description: 'What is wanted. All but tags and deletionPolicy is fixed.',
    rules: [
      ...immutable(
        { required: ['providerRef', 'source'], optional: ['name', 'resourceGroup', 'location'] },
        'make a new RestorePointCollection',
      ),
      {
        rule: '!has(self.source.adopt) || !(has(self.name) || has(self.resourceGroup) || has(self.location) || has(self.tags))',
        message:
          'an adopted collection has its name, resourceGroup, location and tags already; leave them away',
      },
      {
        rule: '!(has(self.source.collectionRef) || has(self.source.collectionID)) || has(self.location)',
        message: 'set location: copies lie in another region than the source collection',
      },
    ],
  },
);

const RestorePointCollectionStatus = object(
  {
    ...statusBase,
    provisioningState: optional(
      text(64, { description: 'Pending, Creating, Succeeded, Failed or Deleting.' }),
    ),
    id: optional(text(maxIDLength, { description: 'Id at Azure.' })),
    restorePointCollectionID: optional(
      text(128, { description: "Azure's GUID of the collection: tells one made anew under the same name." }),
    ),
    endpointID: optional(text(4096, { description: 'The endpoint on which it lies.' })),
    location: optional(text(64, { description: 'Region in which it lies.' })),
    deletionPolicy: optional(text(64, { description: 'What holds: Delete or Retain.' })),
    source: optional(
      object(
        {
          id: text(maxIDLength, { description: 'Id of the VM or of the source collection.' }),
          location: optional(text(64, { description: 'Its region.' })),
          vmUID: optional(text(256, { description: 'Tells a VM made anew under the same name.' })),
        },
        { description: 'What it holds restore points of.' },
      ),
    ),
    restorePoints: optional(
      object(
        {
          total: integer(0, 1_000_000, { description: 'Restore points in it.' }),
          managed: integer(0, 1_000_000, { description: 'Those of objects in this cluster.' }),
          failed: integer(0, 1_000_000, { description: 'Those that Azure calls failed.' }),
          unmanaged: optional(
            list(text(80, { description: 'Name of a restore point.' }), 20, {
              description: 'Those that no object here stands for.',
            }),
          ),
          truncated: optional(boolean({ description: 'unmanaged holds only the first 20.' })),
        },
        { description: 'What was seen in it at the last look.' },
      ),
    ),
    tags: optional(
      stringMap({
        description: 'The tags that Keyframe wrote; those of others are left alone.',
        maxProperties: 41,
        maxValueLength: 256,
      }),
    ),
    operation: optional(Operation),
    completionTime: optional(timestamp({ description: 'When it was first seen ready.' })),
    error: optional(StatusError),
  },
  {
    description: 'What was found and done. Only the operator writes it.',
    default: { observedGeneration: -1 },
  },
);

export const RestorePointCollectionSchema = object(
  { spec: RestorePointCollectionSpec, status: optional(RestorePointCollectionStatus) },
  {
    description:
      'RestorePointCollection is an Azure restore point collection: the place of the restore points of one VM, or the target of their copies in another region.',
  },
);

export type RestorePointCollectionSpec = Static<typeof RestorePointCollectionSpec>;
export type RestorePointCollectionStatus = Static<typeof RestorePointCollectionStatus>;
export type RestorePointCollection = KubernetesObject & {
  spec: RestorePointCollectionSpec;
  status?: RestorePointCollectionStatus;
};
