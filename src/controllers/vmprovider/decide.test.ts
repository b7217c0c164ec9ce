import { describe, expect, it } from 'vitest';
import type { VMProvider, VMProviderSpec } from '../../api/v1alpha1/vm-provider.ts';
import type { Failure, Outcome } from '../../providers/outcome.ts';
import type { Product } from '../../providers/provider.ts';
import {
  ago,
  done,
  namespace,
  notFound,
  settings,
  uid,
  unavailable,
  vendorError,
} from '../testing/builders.ts';
import { azureAuth } from './connect.ts';
import { ambientObstacle, judgeProbe, providerStatus, readSecrets, secretNeeds } from './decide.ts';

type Azure = NonNullable<VMProviderSpec['azure']>;

function spec(azure: Partial<Azure> = {}, rest: Partial<VMProviderSpec> = {}): VMProviderSpec {
  return {
    azure: {
      cloud: 'AzurePublic',
      subscriptionID: 's',
      tenantID: 't',
      auth: { clientSecret: { clientID: 'c', secretRef: { name: 'creds' } } },
      ...azure,
    },
    ...rest,
  };
}

function provider(azure: Partial<Azure>, inNamespace = true): VMProvider {
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: inNamespace ? 'VMProvider' : 'ClusterVMProvider',
    metadata: {
      name: 'azure',
      ...(inNamespace ? { namespace } : {}),
      uid,
      resourceVersion: '1',
      creationTimestamp: ago(0),
    },
    spec: spec(azure),
  };
}

const encoded = (text: string) => Buffer.from(text).toString('base64');
const need = { field: 'spec.azure.auth.clientSecret.secretRef', name: 'creds', key: 'clientSecret' };

describe('the Secrets of a provider', () => {
  it('are those that its spec names, with the keys that are usual', () => {
    expect(secretNeeds(spec({}, { tls: { caSecretRef: { name: 'ca' } } }))).toEqual([
      need,
      { field: 'spec.tls.caSecretRef', name: 'ca', key: 'ca.crt' },
    ]);
  });

  it('may bear other keys', () => {
    const auth = { clientSecret: { clientID: 'c', secretRef: { name: 'creds', key: 'password' } } };
    expect(secretNeeds(spec({ auth }))).toEqual([{ ...need, key: 'password' }]);
  });

  it('are none for the identity of the operator', () => {
    expect(secretNeeds(spec({ auth: { workloadIdentity: { clientID: 'c' } } }))).toEqual([]);
  });

  it('give their values, and the versions they have', () => {
    const found = new Map([['creds', { data: { clientSecret: encoded('pässword') }, resourceVersion: '7' }]]);
    expect(readSecrets([need, need], found, 'ns')).toEqual({
      values: { [need.field]: 'pässword' },
      resourceVersion: '7',
    });
  });

  it.each<[string, Parameters<typeof readSecrets>[1], string, string]>([
    ['that are absent are named', new Map(), 'ReferenceNotFound', 'Secret ns/creds, which is not there'],
    [
      'that lack the key are named with it',
      new Map([['creds', { data: { other: encoded('x') }, resourceVersion: '7' }]]),
      'ReferenceNotFound',
      'nothing under the key clientSecret',
    ],
    [
      'that are empty are as good as absent',
      new Map([['creds', { data: { clientSecret: '' }, resourceVersion: '7' }]]),
      'ReferenceNotFound',
      'nothing under the key clientSecret',
    ],
    [
      'that may not be read are named with what the API server said',
      new Map([['creds', { refused: 'secrets "creds" is forbidden' }]]),
      'PermissionDenied',
      'secrets "creds" is forbidden',
    ],
  ])('%s', (_sentence, found, reason, words) => {
    expect(readSecrets([need], found, 'ns')).toMatchObject({
      verdict: { reason, message: expect.stringContaining(words) },
    });
  });
});

describe('the authentication', () => {
  it('has its secret without the line feed of the file that it came from', () => {
    expect(
      azureAuth(
        { clientSecret: { clientID: 'c', secretRef: { name: 'creds' } } },
        { [need.field]: 'secret \r\n' },
      ),
    ).toEqual({
      clientSecret: { clientID: 'c', secret: 'secret ' },
    });
  });

  it('by the identity of the operator needs no secret', () => {
    expect(azureAuth({ workloadIdentity: { clientID: 'c' } }, {})).toEqual({
      workloadIdentity: { clientID: 'c' },
    });
    expect(azureAuth({ managedIdentity: { clientID: 'c' } }, {})).toEqual({
      managedIdentity: { clientID: 'c' },
    });
  });
});

describe('the identity of the operator', () => {
  const auth = { workloadIdentity: { clientID: 'c' } };
  const custom = {
    auth,
    cloud: 'Custom' as const,
    endpoints: { resourceManager: 'https://arm.example', authority: 'https://login.example:8443' },
  };
  const lending = { ...settings, namespacedAmbientCredentials: true };
  const named = { ...settings, ambientHosts: ['arm.example', 'login.example:8443'] };
  it.each<[string, VMProvider, typeof settings, string | undefined]>([
    ['is not lent to a VMProvider', provider({ auth }), settings, '--namespaced-ambient-credentials'],
    [
      'is not lent to a VMProvider as a managed one either',
      provider({ auth: { managedIdentity: { clientID: 'c' } } }),
      settings,
      'managedIdentity',
    ],
    ['is lent to a VMProvider when the operator was started so', provider({ auth }), lending, undefined],
    ['is lent to a ClusterVMProvider', provider({ auth }, false), settings, undefined],
    ['does not matter to who has a secret', provider({}), settings, undefined],
    [
      'is not shown to a host that nobody named',
      provider(custom, false),
      settings,
      '--ambient-hosts arm.example',
    ],
    [
      'is not shown to a second host that nobody named',
      provider(custom, false),
      { ...settings, ambientHosts: ['arm.example'] },
      '--ambient-hosts login.example:8443',
    ],
    [
      'is not shown to another port of a host that was named',
      provider(custom, false),
      { ...settings, ambientHosts: ['arm.example', 'login.example'] },
      'login.example:8443',
    ],
    ['is shown to hosts that were named', provider(custom, false), named, undefined],
    [
      'is not shown to an authority that the Resource Manager names',
      provider({ ...custom, endpoints: { resourceManager: 'https://arm.example' } }, false),
      named,
      'endpoints.authority',
    ],
    [
      'is not lent to a VMProvider because its hosts were named',
      provider(custom),
      named,
      '--namespaced-ambient-credentials',
    ],
  ])('%s', (_sentence, object, allowed, words) => {
    const obstacle = ambientObstacle(object, allowed);
    if (words === undefined) expect(obstacle).toBeUndefined();
    else expect(obstacle).toMatchObject({ reason: 'AccessDenied', message: expect.stringContaining(words) });
  });
});

describe('a try of the connection', () => {
  const product: Product = { name: 'Azure Resource Manager', apiVersion: '2024-07-01' };
  const error = vendorError;
  it.each<[string, Outcome<Product>, string, 'True' | 'False' | 'Unknown']>([
    ['that works', done(product), 'Available', 'True'],
    [
      'with refused credentials',
      { kind: 'Denied', cause: 'Authentication', error },
      'AuthenticationFailed',
      'False',
    ],
    [
      'without permission: who is denied something was recognised',
      { kind: 'Denied', cause: 'Permission', error },
      'PermissionDenied',
      'True',
    ],
    [
      'that is throttled: who is slowed down was recognised',
      { kind: 'Throttled', afterMs: 1, error },
      'ProviderThrottled',
      'True',
    ],
    [
      'that Keyframe itself lacks something for says nothing of the credentials',
      { kind: 'Unsupported', local: true, error },
      'UnsupportedByProvider',
      'Unknown',
    ],
    [
      'to a vendor too old: the credentials were accepted to say so',
      { kind: 'Unsupported', error },
      'UnsupportedByProvider',
      'True',
    ],
    ['that reaches nobody says nothing of the credentials', unavailable, 'ProviderUnavailable', 'Unknown'],
    [
      'without its resource group: that was looked for, so they were accepted',
      notFound('Parent'),
      'SourceNotFound',
      'True',
    ],
    [
      'that meets a stranger who answers 404 says nothing of the credentials',
      notFound('Unproven'),
      'ProviderUnavailable',
      'Unknown',
    ],
  ])('%s', (_sentence, probe, reason, valid) => {
    expect(judgeProbe(probe).verdict).toMatchObject({
      reason,
      also: { CredentialsValid: { status: valid } },
    });
  });

  it('tells the product that answers, and none that does not', () => {
    expect(judgeProbe(done(product)).product).toEqual(product);
    expect(judgeProbe(unavailable)).not.toHaveProperty('product');
  });

  it('without its resource group says what to check', () => {
    const absent: Failure = {
      kind: 'NotFound',
      what: 'Parent',
      error: { code: 'ResourceGroupNotFound', message: '' },
    };
    expect(judgeProbe(absent, spec()).verdict.message).toContain('spec.azure.resourceGroup');
  });
});

describe('the status of a provider', () => {
  it('says what is known, and nothing else', () => {
    expect(providerStatus(undefined, undefined, '')).toEqual({});
    expect(providerStatus('e', { name: 'n', apiVersion: 'a', version: 'v' }, '7')).toEqual({
      endpointID: 'e',
      product: { name: 'n', apiVersion: 'a', version: 'v' },
      secretResourceVersion: '7',
    });
  });
});
