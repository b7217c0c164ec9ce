import { describe, expect, it } from 'vitest';
import { annotations, finalizer } from '../../api/names.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { Collection } from '../../providers/azure/azure-provider.ts';
import { collectionID, vmID } from '../../providers/azure/ids.ts';
import type { Failure, Outcome } from '../../providers/outcome.ts';
import { formatIntent, type Intent, markedName } from '../intent.ts';
import {
  aCollection,
  ago,
  anAzureCollection,
  aPoint,
  aProvider,
  aVM,
  cluster,
  containerID,
  correlationID,
  done,
  endpointID,
  hours,
  minutes,
  notFound,
  now,
  otherUID,
  ready,
  settings,
  subscriptionID,
  uid,
  unavailable,
  vendorError,
  vmA,
} from '../testing/builders.ts';
import type { ExpectedStep } from '../testing/decision-table.ts';
import { nothing, says } from '../testing/decision-table.ts';
import { decideCollection } from './decide.ts';
import type { CollectionFacts, CollectionIntent, CollectionSeen, Users } from './facts.ts';

type Change = Omit<Partial<CollectionFacts>, 'object'>;
type Row = [sentence: string, facts: CollectionFacts, step: ExpectedStep];

function table(rows: Row[]): void {
  it.each(rows)('%s', (_sentence, facts, expected) => {
    const step = decideCollection(facts);
    expect(step).toMatchObject(expected);
    if (expected.do === 'Finish' && expected.verdict === undefined)
      expect(step).not.toHaveProperty('verdict');
  });
}

const owner = `${cluster}/${otherUID}`;
const tags = { 'keyframe-owner': owner };
const users: Users = { staying: [], going: [], open: [], waiting: [] };
const ownID = collectionID(subscriptionID, 'rg-a', `keyframe-${cluster}-${otherUID}`);

function intentOf(change: Partial<Intent<CollectionIntent>> = {}): Intent<CollectionIntent> {
  return {
    uid: otherUID,
    attempt: 1,
    endpointID,
    correlationID,
    step: 'Create',
    startedAt: ago(5 * minutes),
    target: {
      id: ownID,
      location: 'westeurope',
      tags,
      sourceID: vmA,
      sourceLocation: 'westeurope',
      vmUID: 'vm-uid-a',
    },
    ...change,
  };
}

interface ObjectParts {
  spec?: Partial<RestorePointCollection['spec']>;
  intent?: Intent<CollectionIntent>;
  status?: RestorePointCollection['status'];
  metadata?: Partial<RestorePointCollection['metadata']>;
  annotations?: Record<string, string>;
}

function facts(parts: ObjectParts, seen: CollectionSeen = {}, change: Change = {}): CollectionFacts {
  const { status: _ready, ...object } = aCollection({
    metadata: {
      annotations: {
        ...(parts.intent === undefined ? {} : { [annotations.intent]: formatIntent(parts.intent) }),
        ...parts.annotations,
      },
      finalizers: parts.intent === undefined ? [] : [finalizer],
      ...parts.metadata,
    },
    ...(parts.spec === undefined ? {} : { spec: parts.spec }),
  });
  return {
    object: { ...object, ...(parts.status === undefined ? {} : { status: parts.status }) },
    now,
    random: 0.5,
    correlationID,
    settings,
    provider: { state: 'Ready', provider: aProvider() },
    neighbours: {
      namespaceLabels: {},
      namespaceTerminating: false,
      source: undefined,
      rival: () => undefined,
      users,
      managed: 0,
      isManaged: () => false,
    },
    driftDueMs: hours,
    unusedMs: 0,
    sinceLookMs: 0,
    monotonic: 1_000_000,
    managedAtLook: undefined,
    seen,
    ...change,
  };
}

const neighbours = (change: Partial<CollectionFacts['neighbours']>): Pick<Change, 'neighbours'> => ({
  neighbours: { ...facts({}).neighbours, ...change },
});
const atAzure = (change: Partial<Collection> = {}): Outcome<Collection> =>
  done(anAzureCollection({ id: ownID, name: `keyframe-${cluster}-${otherUID}`, tags, ...change }));
const absent: Failure = notFound('Unproven');
const vmSeen: CollectionSeen = { vm: done(aVM()) };
const paused = { 'keyframe.dev/paused': 'true' };

describe('a collection for a VM', () => {
  table([
    ['is resolved by reads only', facts({}), { do: 'ReadVM', query: { id: vmA } }],
    [
      'is looked for under its own name before the intent is written',
      facts({}, vmSeen),
      { do: 'ReadCollection', id: ownID, points: false },
    ],
    [
      'that is not there: the intent holds id, region, source and the tag of its owner',
      facts({}, { ...vmSeen, collection: absent }),
      {
        do: 'WriteIntent',
        intent: {
          attempt: 1,
          step: 'Create',
          correlationID,
          endpointID,
          target: { id: ownID, location: 'westeurope', sourceID: vmA, vmUID: 'vm-uid-a', tags },
        },
      },
    ],
    [
      'that is there and bears our tag is taken up',
      facts({}, { ...vmSeen, collection: atAzure() }),
      { do: 'WriteIntent' },
    ],
    [
      'under whose name there is one without our tag is an AdoptionConflict, never overwritten',
      facts({}, { ...vmSeen, collection: atAzure({ tags: {} }) }),
      says('AdoptionConflict', { requeueAfterMs: settings.driftIntervalMs }),
    ],
    [
      'under whose name there is one of another owner is an AdoptionConflict',
      facts({}, { ...vmSeen, collection: atAzure({ tags: { 'keyframe-owner': `${cluster}/${uid}` } }) }),
      says('AdoptionConflict'),
    ],
    [
      'that is there for another VM is an AdoptionConflict',
      facts({}, { ...vmSeen, collection: atAzure({ source: { id: `${vmA}2` } }) }),
      says('AdoptionConflict'),
    ],
    [
      'that is there in another region is an AdoptionConflict',
      facts({}, { ...vmSeen, collection: atAzure({ location: 'northeurope' }) }),
      says('AdoptionConflict'),
    ],
    [
      'for which an older object stands is left to that one',
      facts({}, vmSeen, neighbours({ rival: () => 'RestorePointCollection older' })),
      says('AdoptionConflict', {
        verdict: { message: expect.stringContaining('RestorePointCollection older') },
      }),
    ],
    [
      'whose VM is not there is SourceNotFound, and looked for slowly',
      facts({}, { vm: notFound('Object') }),
      says('SourceNotFound', { requeueAfterMs: settings.driftIntervalMs }),
    ],
    [
      'whose VM lies in another subscription is refused',
      facts({ spec: { source: { vm: { id: vmID('other', 'rg', 'vm') } } } }),
      says('InvalidSpec'),
    ],
    [
      'whose VM id is none is refused',
      facts({ spec: { source: { vm: { id: containerID } } } }),
      says('InvalidSpec'),
    ],
    [
      'whose VM is named without a resource group is refused',
      facts({ spec: { source: { vm: { name: 'vm-a' } } } }),
      says('InvalidSpec'),
    ],
    [
      "whose VM is named without a resource group is looked for in the provider's",
      facts(
        { spec: { source: { vm: { name: 'vm-a' } } } },
        {},
        {
          provider: { state: 'Ready', provider: aProvider({ defaultResourceGroup: 'rg-default' }) },
        },
      ),
      { do: 'ReadVM', query: { name: 'vm-a', resourceGroup: 'rg-default' } },
    ],
    [
      'takes the name, group, region and tags that are asked for',
      facts(
        { spec: { name: 'mine', resourceGroup: 'rg-b', location: 'North Europe', tags: { team: 'a' } } },
        { ...vmSeen, collection: absent },
      ),
      {
        do: 'WriteIntent',
        intent: {
          target: {
            id: collectionID(subscriptionID, 'rg-b', 'mine'),
            location: 'northeurope',
            tags: { team: 'a', ...tags },
          },
        },
      },
    ],
    ['is not begun while paused', facts({ annotations: paused }), says('Paused')],
    [
      'is not begun through a provider that is not ready',
      facts(
        {},
        {},
        {
          provider: { state: 'NotReady', reason: 'PermissionDenied', message: 'm', provider: aProvider() },
        },
      ),
      says('WaitingForProvider'),
    ],
    [
      'is denied where the ClusterVMProvider grants nothing',
      facts({ spec: { providerRef: { kind: 'ClusterVMProvider', name: 'azure' } } }, vmSeen),
      says('AccessDenied'),
    ],
  ]);
});

describe('a collection for copies', () => {
  const sourceID = collectionID(subscriptionID, 'rg-a', 'rpc-source');
  const spec = { source: { collectionID: sourceID }, location: 'northeurope' };
  const source = anAzureCollection({ id: sourceID, name: 'rpc-source' });
  table([
    ['reads the source collection', facts({ spec }), { do: 'ReadSourceCollection', id: sourceID }],
    [
      'lies in another region and has the source collection as its source',
      facts({ spec }, { sourceCollection: done(source), collection: absent }),
      {
        do: 'WriteIntent',
        intent: { target: { location: 'northeurope', sourceID, sourceLocation: 'westeurope' } },
      },
    ],
    [
      'in the region of its source is refused',
      facts({ spec: { ...spec, location: 'West Europe' } }, { sourceCollection: done(source) }),
      says('InvalidSpec', { verdict: { message: expect.stringContaining('another region') } }),
    ],
    [
      'of a collection that holds copies itself is refused: Azure makes no copies of copies',
      facts({ spec }, { sourceCollection: done({ ...source, source: { id: containerID } }) }),
      says('InvalidSpec', { verdict: { message: expect.stringContaining('copies of copies') } }),
    ],
    [
      'waits for the collection object that it names',
      facts({ spec: { source: { collectionRef: { name: 'src' } }, location: 'northeurope' } }),
      says('ReferenceNotFound'),
    ],
    [
      'waits until that collection is made',
      facts(
        { spec: { source: { collectionRef: { name: 'src' } }, location: 'northeurope' } },
        {},
        {
          ...neighbours({ source: { ...aCollection(), status: {} } }),
        },
      ),
      says('Queued'),
    ],
    [
      'of another subscription is refused',
      facts({ spec: { ...spec, source: { collectionID: collectionID('other', 'rg', 'c') } } }),
      says('InvalidSpec'),
    ],
  ]);
});

describe('adoption', () => {
  const adopt = (id: string) => ({ source: { adopt: { id } } });
  table([
    [
      'reads the collection, and nothing is made',
      facts({ spec: adopt(containerID) }),
      { do: 'ReadCollection', id: containerID },
    ],
    [
      'writes an intent without tags: those of others are left alone',
      facts({ spec: adopt(containerID) }, { collection: done(anAzureCollection()) }),
      { do: 'WriteIntent', intent: { step: 'Adopt', target: { id: containerID, tags: {} } } },
    ],
    [
      'of a collection of Azure Backup is refused, in any case',
      facts({ spec: adopt(collectionID(subscriptionID, 'rg', 'azurebackup_rg_vm')) }),
      says('AdoptionConflict', { verdict: { message: expect.stringContaining('Azure Backup') } }),
    ],
    [
      'of what is not there is SourceNotFound',
      facts({ spec: adopt(containerID) }, { collection: notFound('Object') }),
      says('SourceNotFound'),
    ],
    ['of something else is refused', facts({ spec: adopt('/somewhere') }), says('InvalidSpec')],
  ]);
});

describe('the making', () => {
  const begun = (seen: CollectionSeen = {}, parts: ObjectParts = {}) =>
    facts({ intent: intentOf(), ...parts }, seen);
  const created: CollectionSeen = { intentWritten: true, collection: absent };
  table([
    [
      'looks again after the intent is written',
      begun({ intentWritten: true }),
      { do: 'ReadCollection', id: ownID },
    ],
    [
      'sends when it is not there',
      begun(created),
      { do: 'Create', target: { id: ownID, sourceID: vmA, tags } },
    ],
    [
      'of a name that was chosen needs the proof that it is not there: a PUT would replace tags',
      begun(created, { spec: { name: 'mine' } }),
      { do: 'ProveGone', id: ownID },
    ],
    [
      'sends nothing while a list shows what a 404 denied',
      begun({ ...created, gone: done(false) }, { spec: { name: 'mine' } }),
      says('SourceNotFound'),
    ],
    [
      'takes up what is there, and sends nothing: after a crash as well',
      begun({ ...vmSeen, collection: atAzure() }),
      says('Available', { status: { provisioningState: 'Succeeded', id: ownID, tags } }),
    ],
    [
      'stops at one that meanwhile belongs to another',
      begun({ intentWritten: true, collection: atAzure({ tags: {} }) }),
      says('AdoptionConflict'),
    ],
    [
      'is done',
      begun({ ...created, created: atAzure() }),
      says('Available', { status: { completionTime: ago(0) } }),
    ],
    [
      'goes on when Azure is still at work',
      begun({ ...created, created: atAzure({ provisioningState: 'Updating' }) }),
      says('Provisioning', { requeueAfterMs: settings.pollIntervalMs }),
    ],
    [
      'that Azure calls failed is CreationFailed',
      begun({ ...created, created: atAzure({ provisioningState: 'Failed' }) }),
      says('CreationFailed'),
    ],
    [
      'whose answer is lost begins again with a look',
      begun({ ...created, created: { kind: 'Unknown', error: vendorError } }),
      says('ProgressingWithRetry', {
        requeueAfterMs: settings.retryIntervalMs,
        status: { error: { reason: 'ProgressingWithRetry' } },
      }),
    ],
    [
      'that is refused is tried again later, with the words of the vendor',
      begun({ ...created, created: { kind: 'Denied', cause: 'Permission', error: vendorError } }),
      says('PermissionDenied', {
        requeueAfterMs: settings.retryIntervalMs,
        status: { operation: { attempts: 1 }, error: { vendorCode: 'SomeCode' } },
      }),
    ],
    ['is resolved anew before another attempt', begun(), { do: 'ReadVM' }],
    [
      'is tried again with a new attempt, when it is not there',
      begun({ ...vmSeen, collection: absent }),
      { do: 'WriteIntent', intent: { attempt: 2, startedAt: intentOf().startedAt } },
    ],
    [
      'is not tried before its time',
      begun(
        { collection: absent },
        {
          status: { operation: { kind: 'Create', attempts: 1, nextAttemptAt: ago(-minutes) } },
        },
      ),
      { do: 'Finish', requeueAfterMs: minutes },
    ],
    [
      'is not tried again while paused',
      begun({ collection: absent }, { annotations: paused }),
      says('Paused'),
    ],
    [
      'concludes nothing from another endpoint',
      facts(
        { intent: intentOf() },
        {},
        {
          provider: { state: 'Ready', provider: aProvider({ endpointID: 'azure:other/t/s' }) },
        },
      ),
      says('ProviderChanged'),
    ],
  ]);
});

const settled: RestorePointCollection['status'] = {
  observedGeneration: 1,
  provisioningState: 'Succeeded',
  id: ownID,
  endpointID,
  location: 'westeurope',
  deletionPolicy: 'Delete',
  source: { id: vmA, location: 'westeurope', vmUID: 'vm-uid-a' },
  restorePoints: { total: 0, managed: 0, failed: 0 },
  tags,
  completionTime: ago(hours),
  conditions: [ready('True', 'Available')],
};

describe('what is ready', () => {
  const watched = (seen: CollectionSeen = {}, parts: ObjectParts = {}, change: Change = {}) =>
    facts({ intent: intentOf(), status: settled, ...parts }, seen, change);
  const due = (seen: CollectionSeen, parts: ObjectParts = {}, change: Change = {}) =>
    watched(seen, parts, { driftDueMs: 0, ...change });
  const automatic = { metadata: { labels: { 'keyframe.dev/automatic': 'true' } } };
  const grace = settings.pollIntervalMs * 6;
  table([
    ['is left alone until a look is due', watched(), { do: 'Finish', requeueAfterMs: hours }],
    ['is looked into when that is due', due({}), { do: 'ReadCollection', id: ownID, points: true }],
    [
      'is looked into when a person asks for it',
      watched({}, { annotations: { 'keyframe.dev/reconcile-at': 'now' } }),
      { do: 'ReadCollection' },
    ],
    [
      'is as it was: nothing is said',
      due({ collection: atAzure({ points: [] }) }),
      { do: 'Finish', looked: true },
    ],
    ['cannot be read: nothing is said', due({ collection: unavailable }), { do: 'Finish', looked: true }],
    ['answers 404: a list has to prove it', due({ collection: absent }), { do: 'ProveGone', id: ownID }],
    [
      'answers 404 but shows in the list: nothing is said',
      due({ collection: absent, gone: done(false) }),
      nothing,
    ],
    [
      'is gone with all that was in it: SnapshotMissing, and nothing is made anew',
      due({ collection: absent, gone: done(true) }),
      says('SnapshotMissing'),
    ],
    [
      'does not show yet though Azure took it: it is looked for again, and nothing is said',
      due({ collection: absent, gone: done(true) }, { status: { ...settled, completionTime: ago(11_000) } }),
      { do: 'Finish', requeueAfterMs: 20_000 },
    ],
    [
      'has lost a tag of ours: ModifiedOutside',
      due(
        { collection: atAzure({ points: [] }) },
        {
          spec: { tags: { team: 'a' } },
          status: { ...settled, tags: { team: 'a', ...tags } },
          intent: intentOf({ target: { ...intentOf().target, tags: { team: 'a', ...tags } } }),
        },
      ),
      says('ModifiedOutside', {
        verdict: { message: expect.stringContaining('team should be a, is absent') },
      }),
    ],
    [
      'has lost our tag: it may be another one under its name, and is not touched',
      due({ collection: atAzure({ tags: { other: 'x' }, points: [] }) }),
      says('ModifiedOutside', { verdict: { message: expect.stringContaining('another collection') } }),
    ],
    [
      "has lost our tag but bears Azure's own number of it: it is ours",
      due(
        { collection: atAzure({ tags: {}, points: [], restorePointCollectionID: 'n-1' }) },
        { status: { ...settled, restorePointCollectionID: 'N-1' } },
      ),
      says('ModifiedOutside', { verdict: { message: expect.stringContaining('keyframe-owner should be') } }),
    ],
    [
      'has tags of others: that is none of our business',
      due({ collection: atAzure({ tags: { ...tags, other: 'x' }, points: [] }) }),
      nothing,
    ],
    [
      'whose tags were put back is said to be ready again',
      due(
        { collection: atAzure({ points: [] }) },
        {
          status: { ...settled, conditions: [ready('False', 'ModifiedOutside')] },
        },
      ),
      says('Available'),
    ],
    [
      'counts what is in it, and names what nobody here stands for',
      due(
        {
          collection: atAzure({
            points: [
              aPoint(),
              aPoint({ name: 'by-hand' }),
              aPoint({ name: markedName({ cluster, uid: otherUID, attempt: 1 }), state: 'Failed' }),
            ],
          }),
        },
        {},
        neighbours({ isManaged: (id) => id === aPoint().id, managed: 1 }),
      ),
      {
        do: 'Finish',
        status: {
          restorePoints: {
            total: 3,
            managed: 1,
            failed: 1,
            unmanaged: ['by-hand', markedName({ cluster, uid: otherUID, attempt: 1 })],
          },
        },
      },
    ],
    [
      'names twenty strangers at most, and says that there are more',
      due({
        collection: atAzure({
          points: Array.from({ length: 25 }, (_, index) => aPoint({ name: `p${index}` })),
        }),
      }),
      { do: 'Finish', status: { restorePoints: { total: 25, truncated: true, unmanaged: { length: 20 } } } },
    ],
    [
      'gets new tags of the spec by a new intent',
      watched({ collection: atAzure() }, { spec: { tags: { team: 'a' } } }),
      { do: 'WriteIntent', intent: { attempt: 2, target: { tags: { team: 'a', ...tags } } } },
    ],
    [
      'does not get them while paused',
      watched({}, { spec: { tags: { team: 'a' } }, annotations: paused }),
      nothing,
    ],
    [
      'keeps the tags of others when ours are written, and loses those that were ours',
      watched(
        {
          intentWritten: true,
          collection: atAzure({ tags: { ...tags, old: 'x', theirs: 'y' }, points: [] }),
        },
        {
          spec: { tags: { team: 'a' } },
          status: { ...settled, tags: { ...tags, old: 'x' } },
          intent: intentOf({ attempt: 2, target: { ...intentOf().target, tags: { team: 'a', ...tags } } }),
        },
      ),
      { do: 'UpdateTags', tags: { team: 'a', theirs: 'y', ...tags } },
    ],
    [
      'made by Keyframe for its own use is kept for a while when nobody uses it',
      watched({}, automatic, { unusedMs: grace - 5_000 }),
      { do: 'Finish', requeueAfterMs: 5_000 },
    ],
    [
      'made by Keyframe for its own use goes when nobody has used it for a while and it is empty',
      watched({ collection: atAzure({ points: [] }), liveUsers: users }, automatic, {
        unusedMs: grace,
        sinceLookMs: hours,
      }),
      { do: 'DeleteObject' },
    ],
    [
      'made by Keyframe for its own use goes only when the API server itself knows of no user',
      watched({ collection: atAzure({ points: [] }) }, automatic, { unusedMs: grace, sinceLookMs: hours }),
      { do: 'ReadLiveUsers', id: ownID },
    ],
    [
      'made by Keyframe for its own use stays when an intent was just written',
      watched(
        { collection: atAzure({ points: [] }), liveUsers: { ...users, open: ['VMSnapshot s'] } },
        automatic,
        { unusedMs: grace, sinceLookMs: hours },
      ),
      nothing,
    ],
    [
      'made by Keyframe for its own use goes although it was counted just after the last had gone',
      watched({ collection: atAzure({ points: [] }), liveUsers: users }, automatic, {
        unusedMs: grace + 1_000,
        sinceLookMs: grace,
      }),
      { do: 'DeleteObject' },
    ],
    [
      'made by Keyframe for its own use stays while there is something in it',
      watched({ collection: atAzure({ points: [aPoint()] }) }, automatic, {
        unusedMs: grace,
        sinceLookMs: hours,
      }),
      nothing,
    ],
    [
      'made by Keyframe for its own use is looked into again soon where that failed',
      watched({ collection: unavailable }, automatic, { unusedMs: grace, sinceLookMs: hours }),
      { do: 'Finish', requeueAfterMs: settings.retryIntervalMs },
    ],
    [
      'made by Keyframe for its own use stays while someone waits for it',
      watched({}, automatic, {
        unusedMs: grace,
        ...neighbours({ users: { ...users, waiting: ['VMSnapshot s'] } }),
      }),
      { do: 'Finish', requeueAfterMs: hours },
    ],
    [
      'of a person stays, though nobody uses it',
      watched({}, {}, { unusedMs: 10 * grace }),
      { do: 'Finish', requeueAfterMs: hours },
    ],
    [
      'has no provider any more: nothing is said',
      watched({}, {}, { provider: { state: 'Absent' } }),
      nothing,
    ],
  ]);
});

describe('what someone took away', () => {
  table([
    [
      'the intent: it is put back from what the status says',
      facts({ status: settled, metadata: { finalizers: [finalizer] } }),
      { do: 'Protect', intent: { target: { id: ownID, tags } } },
    ],
    [
      'the finalizer: it is put back',
      facts({ status: settled, intent: intentOf(), metadata: { finalizers: [] } }),
      { do: 'Protect' },
    ],
    [
      'the target in the annotation: what was made is what the status says',
      facts(
        { status: settled, intent: intentOf({ target: { ...intentOf().target, id: containerID } }) },
        {},
        { driftDueMs: 0 },
      ),
      { do: 'ReadCollection', id: ownID },
    ],
  ]);
});

describe('an automatic collection that was never ready', () => {
  const automatic = { metadata: { labels: { 'keyframe.dev/automatic': 'true' } } };
  table([
    ['goes when nothing waits for it', facts(automatic, {}, { unusedMs: hours }), { do: 'DeleteObject' }],
    [
      'stays while something does',
      facts(
        automatic,
        {},
        {
          unusedMs: hours,
          ...neighbours({ users: { ...users, waiting: ['VMSnapshot s'] } }),
        },
      ),
      { do: 'ReadVM' },
    ],
  ]);
});

describe('deletion', () => {
  const deleted = (seen: CollectionSeen = {}, parts: ObjectParts = {}, change: Change = {}) =>
    facts(
      {
        intent: intentOf(),
        status: settled,
        ...parts,
        metadata: { deletionTimestamp: ago(minutes), finalizers: [finalizer], ...parts.metadata },
      },
      seen,
      change,
    );
  const looked = (collection: Outcome<Collection>, rest: CollectionSeen = {}): CollectionSeen => ({
    liveUsers: users,
    collection,
    ...rest,
  });
  const retained = (why: string): ExpectedStep => ({
    do: 'Release',
    event: { reason: 'Retained', note: expect.stringContaining(why) },
  });
  const empty = atAzure({ points: [] });
  table([
    [
      'of what never began asks nobody',
      facts({ metadata: { deletionTimestamp: ago(0), finalizers: [finalizer] } }),
      { do: 'Release' },
    ],
    [
      'asks the API server itself who needs it: the cache may lag behind an intent',
      deleted(),
      { do: 'ReadLiveUsers', id: ownID },
    ],
    [
      'looks into the collection afresh',
      deleted({ liveUsers: users }),
      { do: 'ReadCollection', id: ownID, points: true },
    ],
    ['removes it when it is ours, unused and empty', deleted(looked(empty)), { do: 'Delete', id: ownID }],
    [
      'looks until it is gone',
      deleted(looked(empty, { deleted: { kind: 'Pending', value: {} } })),
      says('Deleting', { status: { provisioningState: 'Deleting' } }),
    ],
    [
      'waits for Azure, which is removing it',
      deleted(looked(atAzure({ provisioningState: 'Deleting' }))),
      says('Deleting'),
    ],
    [
      'looks again when the answer is lost',
      deleted(looked(empty, { deleted: { kind: 'Unknown', error: vendorError } })),
      says('Deleting'),
    ],
    [
      'that Azure refuses is DeletionBlocked, with its words',
      deleted(looked(empty, { deleted: { kind: 'Conflict', retry: 'Later', error: vendorError } })),
      says('DeletionBlocked', { verdict: { message: expect.stringContaining('words of the vendor') } }),
    ],
    [
      'lets go when a list proves that it is gone',
      deleted(looked(absent, { gone: done(true) })),
      { do: 'Release' },
    ],
    ['needs that proof', deleted(looked(absent)), { do: 'ProveGone', id: ownID }],
    [
      'holds on while the list shows it: a 404 of the gateway proves nothing',
      deleted(looked(absent, { gone: done(false) })),
      says('ProviderUnavailable'),
    ],
    [
      'of what may still come to be waits until that is over',
      deleted(looked(absent, { gone: done(true) }), {
        status: {},
        metadata: { deletionTimestamp: ago(10_000) },
      }),
      says('Deleting', { requeueAfterMs: 60_000 }),
    ],
    [
      'of what Azure took, and what does not show yet, waits until it must',
      deleted(looked(absent, { gone: done(true) }), { status: { ...settled, completionTime: ago(11_000) } }),
      says('Deleting', { requeueAfterMs: 20_000 }),
    ],
    [
      'of what can no longer come to be lets go',
      deleted(looked(absent, { gone: done(true) }), {
        status: {},
        metadata: { deletionTimestamp: ago(70_000) },
      }),
      { do: 'Release' },
    ],
    [
      'of what got no answer waits, though the attempt was recorded',
      deleted(looked(absent, { gone: done(true) }), {
        status: {
          operation: { kind: 'Create', attempts: 1 },
          error: { reason: 'ProgressingWithRetry', message: 'm', time: ago(minutes) },
        },
        metadata: { deletionTimestamp: ago(10_000) },
      }),
      says('Deleting'),
    ],
    [
      'of what was refused lets go at once',
      deleted(looked(absent, { gone: done(true) }), {
        status: { operation: { kind: 'Create', attempts: 1 } },
        metadata: { deletionTimestamp: ago(0) },
      }),
      { do: 'Release' },
    ],
    [
      'retains what holds restore points',
      deleted(looked(atAzure({ points: [aPoint()] }))),
      retained('it holds 1 restore point'),
    ],
    [
      'waits for restore points that are on their way out',
      deleted(looked(atAzure({ points: [aPoint({ state: 'Deleting' })] }))),
      says('Deleting'),
    ],
    [
      'retains what others refer to',
      deleted({}, {}, neighbours({ users: { ...users, staying: ['VMSnapshot s'] } })),
      retained('VMSnapshot s'),
    ],
    [
      'retains what a live look finds in use, though the cache knew nothing of it',
      deleted({ liveUsers: { ...users, staying: ['VMSnapshot s'] } }),
      retained('VMSnapshot s'),
    ],
    [
      'waits a moment for those that are about to be deleted as well',
      deleted(
        {},
        { metadata: { deletionTimestamp: ago(1_000) } },
        neighbours({ users: { ...users, staying: ['VMSnapshot s'] } }),
      ),
      says('DeletionBlocked'),
    ],
    [
      'waits for all that goes with its namespace',
      deleted(
        {},
        {},
        neighbours({ namespaceTerminating: true, users: { ...users, staying: ['VMSnapshot s'] } }),
      ),
      says('DeletionBlocked'),
    ],
    [
      'waits for those that are being deleted themselves',
      deleted({}, {}, neighbours({ users: { ...users, going: ['VMSnapshot s'] } })),
      says('DeletionBlocked'),
    ],
    [
      'waits for those of which it is not known yet what they made in it',
      deleted({ liveUsers: { ...users, open: ['VMSnapshot s'] } }),
      says('DeletionBlocked'),
    ],
    [
      'retains what is not proved ours by its tag',
      deleted(looked(atAzure({ tags: { 'keyframe-owner': `${cluster}/${uid}` }, points: [] }))),
      retained('not proved ours'),
    ],
    [
      'retains what was adopted, whatever the policy says',
      deleted(
        {},
        {
          intent: intentOf({ step: 'Adopt' }),
          spec: { source: { adopt: { id: ownID } }, deletionPolicy: 'Delete' },
        },
      ),
      retained('adopted'),
    ],
    [
      'retains with deletionPolicy Retain',
      deleted({}, { spec: { deletionPolicy: 'Retain' } }),
      retained('Retain'),
    ],
    [
      'lets go by the annotation abandon',
      deleted({}, { annotations: { 'keyframe.dev/abandon': otherUID } }),
      { do: 'Release', event: { reason: 'Abandoned' } },
    ],
    [
      'does not let go by an annotation with another UID',
      deleted({}, { annotations: { 'keyframe.dev/abandon': uid } }),
      { do: 'ReadLiveUsers' },
    ],
    [
      'asks nothing of another endpoint',
      deleted(
        {},
        {},
        { provider: { state: 'Ready', provider: aProvider({ endpointID: 'azure:other/t/s' }) } },
      ),
      says('ProviderChanged'),
    ],
    ['waits for its provider', deleted({}, {}, { provider: { state: 'Absent' } }), says('ReferenceNotFound')],
    [
      'lets go after a day in a namespace that goes without its credentials',
      deleted(
        {},
        { metadata: { deletionTimestamp: ago(25 * hours) } },
        { ...neighbours({ namespaceTerminating: true }), provider: { state: 'Absent' } },
      ),
      { do: 'Release', event: { reason: 'Abandoned' } },
    ],
  ]);
});
