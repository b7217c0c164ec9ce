import { describe, expect, it } from 'vitest';
import { kinds } from '../../api/kinds.ts';
import { object, readySnapshot } from '../testing/objects.ts';
import { plainGlyphs, unpainted } from '../text.ts';
import { diagnose, type Finding } from './diagnose.ts';
import type { Facts, OperatorFacts } from './facts.ts';
import { personalRights } from './rights.ts';
import { findingLines, sumOf } from './view.ts';

const now = Date.parse('2026-01-01T12:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
const lease = (renewed: number, holder = 'keyframe-1_1_ab') => ({
  name: 'keyframe',
  seen: {
    metadata: { name: 'keyframe' },
    spec: { holderIdentity: holder, leaseDurationSeconds: 15, renewTime: ago(renewed) },
  },
});
const operator: OperatorFacts = {
  namespace: 'keyframe-system',
  name: 'keyframe',
  image: 'registry.example/keyframe:0.1.0',
  wanted: 2,
  available: 2,
  troubles: [],
  lease: lease(1),
  account: 'keyframe',
  missing: { seen: [] },
};
const fields = () =>
  new Map(Object.keys(kinds).map((kind) => [kind, new Set(['spec', 'spec.a', 'spec.a.b'])]));
const azure = object('VMProvider', 'azure', { reason: 'Available' });

const healthy: Facts = {
  build: '0.1.0',
  server: { seen: { version: 'v1.34.1', clocks: { server: now, here: now + 400 } } },
  served: { seen: new Set(Object.keys(kinds)) },
  fields: { seen: fields() },
  ownFields: { seen: fields() },
  definitions: { seen: [{ kind: 'VMSnapshot', storedVersions: ['v1alpha1'], troubles: [] }] },
  namespace: 'demo',
  mine: { seen: personalRights.map((right) => ({ right, isGranted: true })) },
  operators: { seen: [operator] },
  lookedIn: 'keyframe-system',
  strayLease: { name: 'keyframe', seen: undefined },
  scope: undefined,
  objects: { seen: [azure, readySnapshot('one', 'a')] },
  missing: [],
};
const forbidden = { unseen: 'forbidden' };
/** What is said beside what is in order. */
const found = (change: Partial<Facts>) =>
  diagnose({ ...healthy, ...change }).filter(({ judgement }) => judgement !== 'ok');
const served = (...without: string[]) => ({
  seen: new Set(Object.keys(kinds).filter((kind) => !without.includes(kind))),
});
const snapshot = (reason: string, more: { status?: object; spec?: object; metadata?: object } = {}) =>
  object('VMSnapshot', 'one', {
    spec: { source: { vm: { name: 'a' } }, deadline: '2h', startDeadline: '24h', ...more.spec },
    reason,
    message: 'so it is',
    status: more.status ?? {},
    metadata: { creationTimestamp: ago(60), ...more.metadata },
  });
const secretOf = (namespace: string, name: string) => ({
  right: { verb: 'get', group: '', resource: 'secrets' },
  namespace,
  name,
});

it('finds nothing wrong where nothing is', () => {
  expect(found({})).toEqual([]);
  expect(diagnose(healthy).map(({ check }) => check)).toEqual([
    'Kubernetes',
    'Clock',
    'Definitions',
    'Your rights',
    'Operator',
    'Leader',
    'Its rights',
    'Providers',
    'Objects',
  ]);
});

describe('what is wrong is told with what to do:', () => {
  it.each<[string, Partial<Facts>, RegExp, RegExp]>([
    [
      'a Kubernetes that is too old',
      { server: { seen: { version: 'v1.29.9-gke.1', clocks: { server: now, here: now } } } },
      /^v1\.29\.9-gke\.1 is older than 1\.30/,
      /^Upgrade the cluster/,
    ],
    [
      'a clock that is minutes off',
      { server: { seen: { version: 'v1.34.1', clocks: { server: now, here: now + 300_000 } } } },
      /^this machine is 5m ahead of the API server$/,
      /NTP/,
    ],
    [
      'definitions that are not there',
      { served: { seen: new Set() } },
      /Keyframe is not installed/,
      /^Install it/,
    ],
    [
      'a kind that is not served',
      { served: served('VMRestore') },
      /^not served: VMRestore\. The definitions are older than this plugin \(0\.1\.0\)$/,
      /^Apply the definitions/,
    ],
    [
      'fields that the API server would drop, the outermost of each',
      { fields: { seen: fields().set('VMSnapshot', new Set(['spec'])) } },
      /which the API server drops: VMSnapshot spec\.a$/,
      /^Apply the definitions/,
    ],
    [
      'objects that are stored in another version',
      {
        definitions: {
          seen: [{ kind: 'VMSnapshot', storedVersions: ['v1alpha0', 'v1alpha1'], troubles: [] }],
        },
      },
      /^VMSnapshot is still stored as v1alpha0, too$/,
      /storedVersions/,
    ],
    [
      'a definition that does not work',
      {
        definitions: {
          seen: [{ kind: 'VMSnapshot', storedVersions: [], troubles: ['NamesAccepted: taken'] }],
        },
      },
      /^the definition of VMSnapshot does not work: NamesAccepted: taken$/,
      /^Apply the definitions/,
    ],
    [
      'that snapshots may not be seen',
      {
        mine: {
          seen: personalRights.map((right) => ({ right, isGranted: right.resource !== 'vmsnapshots' })),
        },
      },
      /^in namespace demo you may not list, watch vmsnapshots$/,
      /role view/,
    ],
    [
      'that there is no operator',
      { operators: { seen: [] } },
      /^no Deployment of an operator/,
      /^Install it/,
    ],
    [
      'an operator without replicas',
      { operators: { seen: [{ ...operator, available: 0, troubles: ['Available: no quorum'] }] } },
      /^keyframe-system\/keyframe has 0 of 2 replicas ready: Available: no quorum$/,
      /kubectl describe deployment keyframe -n keyframe-system/,
    ],
    [
      'an operator that is scaled to nothing',
      { operators: { seen: [{ ...operator, wanted: 0, available: 0 }] } },
      /is scaled to 0/,
      /kubectl scale deployment keyframe/,
    ],
    [
      'a Lease that nobody renews',
      { operators: { seen: [{ ...operator, lease: lease(180) }] } },
      /^nobody leads: keyframe-1_1_ab last renewed Lease keyframe-system\/keyframe 3m ago$/,
      /kubectl logs deployment\/keyframe/,
    ],
    [
      'a Lease that was given back',
      { operators: { seen: [{ ...operator, lease: lease(1, '') }] } },
      /^nobody leads: Lease keyframe-system\/keyframe has no holder$/,
      /kubectl logs/,
    ],
    [
      'a Lease that is not there',
      { operators: { seen: [{ ...operator, lease: { name: 'keyframe', seen: undefined } }] } },
      /^nobody leads: Lease keyframe-system\/keyframe is not there$/,
      /kubectl logs/,
    ],
    [
      'a right that the operator lacks',
      {
        operators: {
          seen: [
            {
              ...operator,
              missing: {
                seen: [
                  {
                    right: {
                      verb: 'patch',
                      group: 'keyframe.dev',
                      resource: 'vmsnapshots',
                      subresource: 'status',
                    },
                    namespace: undefined,
                  },
                  {
                    right: { verb: 'get', group: 'keyframe.dev', resource: 'vmsnapshots' },
                    namespace: undefined,
                  },
                ],
              },
            },
          ],
        },
      },
      /^ServiceAccount keyframe-system\/keyframe may not patch vmsnapshots\/status; get vmsnapshots$/,
      /kubectl apply -k config\/rbac/,
    ],
    [
      'a Secret that the operator may not read',
      { operators: { seen: [{ ...operator, missing: { seen: [secretOf('demo', 'azure-credentials')] } }] } },
      /may not get secrets azure-credentials in namespace demo$/,
      /rbac\.secrets/,
    ],
    [
      'a provider that is not ready',
      {
        objects: {
          seen: [
            object('VMProvider', 'azure', { reason: 'AuthenticationFailed', message: 'signing in: no' }),
          ],
        },
      },
      /^vmp\/azure in demo: AuthenticationFailed: signing in: no$/,
      /^Put valid credentials/,
    ],
    [
      'an object that no operator looks at',
      {
        objects: {
          seen: [azure, object('VMSnapshot', 'one', { metadata: { creationTimestamp: ago(120) } })],
        },
      },
      /^vmsnap\/one in demo: no operator looks at it$/,
      /--watch-label-selector/,
    ],
    [
      'work that is overdue',
      {
        objects: {
          seen: [azure, snapshot('Provisioning', { status: { operation: { startedAt: ago(3 * 3600) } } })],
        },
      },
      /^vmsnap\/one in demo: overdue: at work for 3h: Provisioning: so it is$/,
      /see that an operator runs/,
    ],
    [
      'an outcome that is not known',
      { objects: { seen: [azure, snapshot('OutcomeUnknown')] } },
      /^vmsnap\/one in demo: OutcomeUnknown: so it is$/,
      /^Look at the vendor/,
    ],
  ])('%s', (_, change, message, advice) => {
    const wrong = found(change).filter(({ judgement }) => judgement === 'wrong');
    expect(wrong).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(message),
        advice: expect.stringMatching(advice),
      }),
    ]);
  });
});

describe('what should be looked at, and is not wrong:', () => {
  it.each<[string, Partial<Facts>, RegExp]>([
    [
      'a clock that is seconds off',
      { server: { seen: { version: 'v1.34.1', clocks: { server: now, here: now - 8_000 } } } },
      /^this machine is 8s behind the API server$/,
    ],
    [
      'definitions that are newer',
      { fields: { seen: fields().set('VMSnapshot', new Set(['spec', 'spec.a', 'spec.a.b', 'spec.c'])) } },
      /does not know: VMSnapshot spec\.c$/,
    ],
    [
      'an operator that runs elsewhere',
      { operators: { seen: [] }, strayLease: lease(1) },
      /it runs outside of this cluster$/,
    ],
    [
      'a replica that is missing',
      { operators: { seen: [{ ...operator, available: 1 }] } },
      /has 1 of 2 replicas ready$/,
    ],
    [
      'a leader with a clock that is ahead',
      { operators: { seen: [{ ...operator, lease: lease(-30) }] } },
      /^the clock of keyframe-1_1_ab, which leads, is 30s ahead of the API server$/,
    ],
    [
      'that there is no provider',
      { objects: { seen: [] }, scope: 'demo' },
      /^there is none in namespace demo$/,
    ],
    [
      'an object that failed',
      { objects: { seen: [azure, snapshot('InvalidSpec')] } },
      /InvalidSpec: so it is$/,
    ],
    [
      'an outcome that is being found out for long',
      {
        objects: {
          seen: [
            azure,
            snapshot('ProgressingWithRetry', { status: { operation: { startedAt: ago(3600) } } }),
          ],
        },
      },
      /^vmsnap\/one in demo: for 60m: so it is$/,
    ],
    [
      'a deletion that is held up',
      {
        objects: {
          seen: [azure, snapshot('DeletionBlocked', { metadata: { deletionTimestamp: ago(7200) } })],
        },
      },
      /being deleted for 120m: DeletionBlocked: so it is$/,
    ],
  ])('%s', (_, change, message) => {
    expect(found(change)).toEqual([
      expect.objectContaining({ judgement: 'warning', message: expect.stringMatching(message) }),
    ]);
  });
});

describe('what may not be seen is nothing wrong:', () => {
  it.each<[string, Partial<Facts>]>([
    ['the version', { server: { seen: { version: undefined, clocks: { server: now, here: now } } } }],
    ['the Deployment', { operators: forbidden }],
    ['the Lease', { operators: { seen: [{ ...operator, lease: { name: 'keyframe', ...forbidden } }] } }],
    ["the operator's rights", { operators: { seen: [{ ...operator, missing: forbidden }] } }],
    ['objects of a kind', { missing: ['you may not list clustervmproviders'] }],
  ])('%s', (_, change) => {
    expect(found(change).map(({ judgement }) => judgement)).toEqual(['unseen']);
  });

  it('the definitions, where what is served is known', () => {
    const said = diagnose({ ...healthy, definitions: forbidden, fields: forbidden }).filter(
      ({ check }) => check === 'Definitions',
    );
    expect(said).toEqual([
      {
        check: 'Definitions',
        judgement: 'ok',
        message: `${Object.keys(kinds).length} kinds are served as v1alpha1; their fields could not be compared with this build's: forbidden; in which versions objects are stored may not be read`,
      },
    ]);
  });
});

it('names no more than some of many objects', () => {
  const many = Array.from({ length: 25 }, () => snapshot('OutcomeUnknown'));
  const said = found({ objects: { seen: [azure, ...many] } });
  expect(said).toHaveLength(11);
  expect(said.at(-1)?.message).toBe('15 more like these');
});

it.each([
  ['begun, and not at its end', { operation: { startedAt: ago(3 * 3600) } }, {}, 'at work for 3h'],
  ['begun, and within its deadline', { operation: { startedAt: ago(3600) } }, {}, undefined],
  ['a little late, as the next look may be', { operation: { startedAt: ago(7300) } }, {}, undefined],
  ['never begun', {}, { creationTimestamp: ago(25 * 3600) }, 'waiting to begin for 25h'],
  ['being deleted', {}, { deletionTimestamp: ago(2 * 3600) }, 'being deleted for 120m'],
])('says of work whether it is overdue that is %s', (_, status, metadata, expected) => {
  const object = snapshot('Provisioning', { status, metadata });
  const overdue = found({ objects: { seen: [azure, object] } }).filter(
    ({ judgement }) => judgement === 'wrong',
  );
  expect(overdue.map(({ message }) => /overdue: ([^:]*)/.exec(message)?.[1])).toEqual(
    expected === undefined ? [] : [expected],
  );
});

it('draws within 80 columns, names a check once, and sums up', () => {
  const findings: Finding[] = [
    { check: 'Clock', judgement: 'ok', message: 'this machine and the API server agree' },
    { check: 'Objects', judgement: 'wrong', message: 'a '.repeat(40).trim(), advice: 'do it' },
    { check: 'Objects', judgement: 'unseen', message: 'b' },
  ];
  const look = { columns: 80, paint: unpainted, glyphs: plainGlyphs, bars: true };
  expect(findingLines(findings, look)).toEqual([
    '+ Clock    this machine and the API server agree',
    `x Objects  ${'a '.repeat(35).trim()}`,
    `           ${'a '.repeat(5).trim()}`,
    '           > do it',
    '?          b',
    '',
    '1 wrong, 1 not seen, 1 fine',
  ]);
  expect(sumOf([])).toBe('');
});
