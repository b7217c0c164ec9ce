import type { Verdict } from '../../api/conditions.ts';
import type {
  ClusterVMProvider,
  VMProvider,
  VMProviderSpec,
  VMProviderStatus,
} from '../../api/v1alpha1/vm-provider.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { Product, Vendor } from '../../providers/provider.ts';
import type { Settings } from '../settings.ts';
import { troubleOf, vendorWords } from '../trouble.ts';

export type AnyProviderObject = VMProvider | ClusterVMProvider;

/** One value that the spec takes from a Secret. */
export interface SecretNeed {
  /** The reference in the spec. */
  field: string;
  name: string;
  key: string;
  /** The member of the reference that names the key; `key` where there is but one. */
  keyMember?: string;
  /** The value is no text: it is kept in base64. */
  binary?: true;
}

/** What came of reading the Secrets: values by field, or why they are not there. */
export type Secrets = { values: Record<string, string>; resourceVersion: string } | { verdict: Verdict };

/** The vendor that a provider is of: the API server sees to it that it names one. */
export function vendorOf(spec: VMProviderSpec): Vendor {
  if (spec.ovirt !== undefined) return 'ovirt';
  return spec.spf === undefined ? 'azure' : 'spf';
}

/** The Secret values that a provider needs. */
export function secretNeeds(spec: VMProviderSpec): SecretNeed[] {
  const needs: SecretNeed[] = [...ovirtNeeds(spec), ...spfNeeds(spec)];
  const secret = spec.azure?.auth.clientSecret?.secretRef;
  if (secret !== undefined)
    needs.push({
      field: 'spec.azure.auth.clientSecret.secretRef',
      name: secret.name,
      key: secret.key ?? 'clientSecret',
    });
  const ca = spec.tls?.caSecretRef;
  if (ca !== undefined) needs.push({ field: 'spec.tls.caSecretRef', name: ca.name, key: ca.key ?? 'ca.crt' });
  return needs;
}

/** A name and a password of one Secret. */
function userNeeds(
  field: string,
  ref: { name: string; usernameKey?: string; passwordKey?: string },
): SecretNeed[] {
  const { name, usernameKey = 'username', passwordKey = 'password' } = ref;
  return [
    { field, name, key: usernameKey, keyMember: 'usernameKey' },
    { field, name, key: passwordKey, keyMember: 'passwordKey' },
  ];
}

function ovirtNeeds({ ovirt }: VMProviderSpec): SecretNeed[] {
  const { oauth, basic, session } = ovirt?.auth ?? {};
  return [
    ...(oauth === undefined ? [] : userNeeds('spec.ovirt.auth.oauth.secretRef', oauth.secretRef)),
    ...(basic === undefined ? [] : userNeeds('spec.ovirt.auth.basic.secretRef', basic.secretRef)),
    ...(session === undefined ? [] : userNeeds('spec.ovirt.auth.session.secretRef', session.secretRef)),
  ];
}

function spfNeeds({ spf }: VMProviderSpec): SecretNeed[] {
  const { basic, ntlm, negotiate, bearer, clientCertificate } = spf?.auth ?? {};
  const needs: SecretNeed[] = [
    ...(basic === undefined ? [] : userNeeds('spec.spf.auth.basic.secretRef', basic.secretRef)),
    ...(ntlm === undefined ? [] : userNeeds('spec.spf.auth.ntlm.secretRef', ntlm.secretRef)),
  ];
  if (negotiate !== undefined) {
    const { name, principalKey = 'principal', keytabKey = 'keytab' } = negotiate.secretRef;
    const field = 'spec.spf.auth.negotiate.secretRef';
    needs.push({ field, name, key: principalKey, keyMember: 'principalKey' });
    needs.push({ field, name, key: keytabKey, keyMember: 'keytabKey', binary: true });
  }
  if (bearer !== undefined) {
    const { name, key = 'token' } = bearer.secretRef;
    needs.push({ field: 'spec.spf.auth.bearer.secretRef', name, key });
  }
  if (clientCertificate !== undefined) {
    const { name, certificateKey = 'tls.crt', privateKeyKey = 'tls.key' } = clientCertificate.secretRef;
    const field = 'spec.spf.auth.clientCertificate.secretRef';
    needs.push({ field, name, key: certificateKey, keyMember: 'certificateKey' });
    needs.push({ field, name, key: privateKeyKey, keyMember: 'privateKeyKey' });
  }
  return needs;
}

/** What came of reading one Secret: its data, what the API server said when it refused, or nothing if it is absent. */
export type FoundSecret =
  | { data?: Record<string, string>; resourceVersion: string }
  | { refused: string }
  | undefined;

/** Picks the values out of the Secrets. */
export function readSecrets(
  needs: SecretNeed[],
  found: ReadonlyMap<string, FoundSecret>,
  namespace: string,
): Secrets {
  const values: Record<string, string> = {};
  for (const { field, name, key, keyMember, binary } of needs) {
    const secret = found.get(name);
    if (secret === undefined) {
      return {
        verdict: {
          reason: 'ReferenceNotFound',
          message: `${field} names Secret ${namespace}/${name}, which is not there. Make it, or correct the name`,
        },
      };
    }
    if ('refused' in secret) {
      return {
        verdict: {
          reason: 'PermissionDenied',
          message: `${field} names Secret ${namespace}/${name}, which the operator may not read. Grant its ServiceAccount get on Secrets in namespace ${namespace} (in the chart: rbac.secrets), or name another one. The API server said: ${secret.refused}`,
        },
      };
    }
    const encoded = secret.data?.[key];
    const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
    const value = binary === true ? (encoded ?? '') : text;
    if (value === '') {
      return {
        verdict: {
          reason: 'ReferenceNotFound',
          message: `Secret ${namespace}/${name}, which ${field} names, has nothing under the key ${key}. Put it there, or set ${field}.${keyMember ?? 'key'}`,
        },
      };
    }
    values[keyMember === undefined ? field : `${field}.${keyMember}`] = value;
  }
  const versions = [...new Set(needs.map(({ name }) => name))].map((name) => {
    const secret = found.get(name);
    return secret !== undefined && 'resourceVersion' in secret ? secret.resourceVersion : '';
  });
  return { values, resourceVersion: versions.join(',') };
}

/**
 * Whether an ambient identity, which is the operator's own, may be lent: whoever can write a VMProvider could else
 * act as the operator, and with a host of their choosing collect its tokens.
 */
export function ambientObstacle(object: AnyProviderObject, settings: Settings): Verdict | undefined {
  const { azure } = object.spec;
  const ambient =
    azure?.auth.workloadIdentity !== undefined
      ? 'workloadIdentity'
      : azure?.auth.managedIdentity !== undefined
        ? 'managedIdentity'
        : undefined;
  if (azure === undefined || ambient === undefined) return undefined;
  if (object.metadata.namespace !== undefined && !settings.namespacedAmbientCredentials) {
    return {
      reason: 'AccessDenied',
      message: `spec.azure.auth.${ambient} is the identity of the operator itself, which is not lent to the VMProviders of namespaces. Use clientSecret, ask for a ClusterVMProvider, or have the operator started with --namespaced-ambient-credentials`,
    };
  }
  if (azure.cloud !== 'Custom') return undefined;
  const hosts = [azure.endpoints?.resourceManager, azure.endpoints?.authority]
    .filter((url) => url !== undefined)
    .map((url) => new URL(url).host);
  // Without an authority of its own, the Resource Manager would name one: who names it decides who sees the token.
  if (azure.endpoints?.authority === undefined) {
    return {
      reason: 'AccessDenied',
      message: `spec.azure.auth.${ambient} with cloud: Custom needs endpoints.authority: the operator's identity is shown to hosts only that are named`,
    };
  }
  const stranger = hosts.find((host) => !settings.ambientHosts.includes(host));
  if (stranger === undefined) return undefined;
  return {
    reason: 'AccessDenied',
    message: `the operator's identity is not shown to ${stranger}. Use clientSecret, or have the operator started with --ambient-hosts ${stranger}`,
  };
}

/** What a try of the connection says. */
export function judgeProbe(
  probe: Outcome<Product>,
  spec: Pick<VMProviderSpec, 'azure'> = {},
): { verdict: Verdict; product?: Product } {
  const credentials = (status: 'True' | 'False' | 'Unknown', reason: string, message: string) => ({
    CredentialsValid: { status, reason, message },
  });
  if (succeeded(probe)) {
    return {
      verdict: {
        reason: 'Available',
        message: 'connected',
        also: credentials('True', 'Accepted', 'the credentials were accepted'),
      },
      product: probe.value,
    };
  }
  const trouble = troubleOf(probe, 'trying the connection');
  if (probe.kind === 'NotFound' && probe.what !== 'Unproven')
    trouble.message = `trying the connection: ${vendorWords(probe.error)}. ${whereToLook(spec)}`;
  return {
    verdict: {
      reason: trouble.reason,
      message: trouble.message,
      also: credentials(...credentialsAfter(probe, trouble.message)),
    },
  };
}

/** On Azure the probe reads in the resource group that names fall back to; elsewhere at the root that the url names. */
function whereToLook({ azure }: Pick<VMProviderSpec, 'azure'>): string {
  return azure === undefined ? 'Check the url' : 'Check spec.azure.resourceGroup, or leave it away';
}

const unanswered: ReadonlySet<Failure['kind']> = new Set(['Unavailable', 'Unknown', 'NotSent', 'Failed']);

function credentialsAfter(failure: Failure, message: string): ['True' | 'False' | 'Unknown', string, string] {
  if (failure.kind === 'Denied' && failure.cause === 'Authentication') return ['False', 'Refused', message];
  if (failure.kind === 'Unsupported' && failure.local === true)
    return ['Unknown', 'NotTried', 'nobody was asked: Keyframe lacks what these credentials need'];
  // Whoever gets an answer of another kind, be it a refusal, has been recognised; a 404 in a form that is not
  // Azure's may come from anyone.
  const strange = failure.kind === 'NotFound' && failure.what === 'Unproven';
  if (!unanswered.has(failure.kind) && !strange) return ['True', 'Accepted', 'the credentials were accepted'];
  return ['Unknown', 'NotTried', 'the endpoint did not answer as the vendor does'];
}

/** What the status says beside its conditions. */
export function providerStatus(
  endpointID: string | undefined,
  product: Product | undefined,
  secretResourceVersion: string | undefined,
): VMProviderStatus {
  return {
    ...(endpointID === undefined ? {} : { endpointID }),
    ...(product === undefined
      ? {}
      : {
          product: {
            name: product.name,
            apiVersion: product.apiVersion,
            ...(product.version === undefined ? {} : { version: product.version }),
          },
        }),
    ...(secretResourceVersion === undefined || secretResourceVersion === '' ? {} : { secretResourceVersion }),
  };
}
