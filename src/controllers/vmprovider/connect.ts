import { parseDuration } from '../../api/duration.ts';
import type { VMProviderSpec } from '../../api/v1alpha1/vm-provider.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import type { AzureAuth } from '../../providers/azure/credentials.ts';
import { endpointIDOf as azureEndpointID, createAzureProvider } from '../../providers/azure/provider.ts';
import type { Budget } from '../../providers/budget.ts';
import type { RequestReport } from '../../providers/exchange.ts';
import { createOvirtProvider, endpointIDOf as ovirtEndpointID } from '../../providers/ovirt/provider.ts';
import type { OvirtAuth } from '../../providers/ovirt/session.ts';
import type { Vendor } from '../../providers/provider.ts';
import type { SPFAuth } from '../../providers/spf/authentication/sender.ts';
import { createSpfProvider, endpointIDOf as spfEndpointID } from '../../providers/spf/provider.ts';
import type { Logger } from '../../runtime/log.ts';

const defaultLimits = { maxConcurrent: 8, requestsPerSecond: 10 };
/** Some of SPF's calls may wait until VMM is done (SPF sheet, section 4). */
const defaultTimeouts = { azure: '30s', ovirt: '30s', spf: '2m' };

/** What a connection needs beside the spec. */
export interface Surroundings {
  budget: Budget;
  monotonic(): number;
  log: Logger;
  settleMs: number | undefined;
  onRequest: ((report: RequestReport) => void) | undefined;
}

/** A connection that can be made. */
export interface Plan {
  endpointID: string;
  limits: { maxConcurrent: number; requestsPerSecond: number };
  /** Throws a TypeError when spec and Secrets cannot be right. */
  connect(surroundings: Surroundings): AnyProvider;
}

/**
 * What a provider object and the values of its Secrets (by field, see `secretNeeds`) say of the connection. Throws a
 * TypeError when they cannot be right.
 */
export function planConnection(spec: VMProviderSpec, values: Record<string, string>): Plan {
  const { azure, ovirt, spf } = spec;
  const limits = {
    maxConcurrent: spec.limits?.maxConcurrent ?? defaultLimits.maxConcurrent,
    requestsPerSecond: spec.limits?.requestsPerSecond ?? defaultLimits.requestsPerSecond,
  };
  const caBundle = spec.tls?.caBundle ?? values['spec.tls.caSecretRef'];
  const common = (vendor: Vendor, { settleMs, onRequest, ...around }: Surroundings) => ({
    tls: {
      ...(caBundle === undefined ? {} : { caBundle }),
      insecureSkipVerify: spec.tls?.insecureSkipVerify ?? false,
    },
    limits: {
      ...limits,
      requestTimeoutMs: parseDuration(spec.limits?.requestTimeout ?? defaultTimeouts[vendor]),
    },
    ...around,
    ...(settleMs === undefined ? {} : { settleMs }),
    ...(onRequest === undefined ? {} : { onRequest }),
  });
  if (azure !== undefined) {
    const endpoint = {
      cloud: azure.cloud ?? ('AzurePublic' as const),
      ...(azure.endpoints === undefined ? {} : { endpoints: azure.endpoints }),
      subscriptionID: azure.subscriptionID,
      tenantID: azure.tenantID,
    };
    const auth = azureAuth(azure.auth, values);
    return {
      endpointID: azureEndpointID(endpoint),
      limits,
      connect: (around) =>
        createAzureProvider({
          ...endpoint,
          auth,
          ...(azure.apiVersions === undefined ? {} : { apiVersions: azure.apiVersions }),
          ...(azure.resourceGroup === undefined ? {} : { defaultResourceGroup: azure.resourceGroup }),
          ...common('azure', around),
        }),
    };
  }
  if (ovirt !== undefined) {
    const { url, apiVersion = 'Auto' } = ovirt;
    const auth = ovirtAuth(ovirt.auth, values);
    return {
      endpointID: ovirtEndpointID({ url }),
      limits,
      connect: (around) => createOvirtProvider({ url, apiVersion, auth, ...common('ovirt', around) }),
    };
  }
  if (spf !== undefined) {
    const { url, principalID } = spf;
    const auth = spfAuth(spf.auth, values);
    return {
      endpointID: spfEndpointID({ url }),
      limits,
      connect: (around) => createSpfProvider({ url, principalID, auth, ...common('spf', around) }),
    };
  }
  throw new TypeError('it names no vendor that this version of Keyframe knows');
}

/** A secret read from a file often ends with a line feed; none of these does. */
function trimmed(value: string | undefined): string {
  return (value ?? '').replace(/[\r\n]+$/, '');
}

/** The authentication with its secret in place. */
export function azureAuth(
  auth: NonNullable<VMProviderSpec['azure']>['auth'],
  values: Record<string, string>,
): AzureAuth {
  if (auth.clientSecret !== undefined) {
    const secret = trimmed(values['spec.azure.auth.clientSecret.secretRef']);
    return { clientSecret: { clientID: auth.clientSecret.clientID, secret } };
  }
  if (auth.workloadIdentity !== undefined) return { workloadIdentity: auth.workloadIdentity };
  if (auth.managedIdentity !== undefined) return { managedIdentity: auth.managedIdentity };
  throw new TypeError(noAuth);
}

const noAuth = 'spec names no way to authenticate that this version of Keyframe knows';

function user(field: string, values: Record<string, string>): { username: string; password: string } {
  return {
    username: trimmed(values[`${field}.secretRef.usernameKey`]),
    password: trimmed(values[`${field}.secretRef.passwordKey`]),
  };
}

/** As `azureAuth`. */
export function ovirtAuth(
  auth: NonNullable<VMProviderSpec['ovirt']>['auth'],
  values: Record<string, string>,
): OvirtAuth {
  if (auth.oauth !== undefined) return { oauth: user('spec.ovirt.auth.oauth', values) };
  if (auth.basic !== undefined) return { basic: user('spec.ovirt.auth.basic', values) };
  if (auth.session !== undefined) return { session: user('spec.ovirt.auth.session', values) };
  throw new TypeError(noAuth);
}

/** As `azureAuth`. */
export function spfAuth(
  auth: NonNullable<VMProviderSpec['spf']>['auth'],
  values: Record<string, string>,
): SPFAuth {
  if (auth.basic !== undefined) return { basic: user('spec.spf.auth.basic', values) };
  if (auth.ntlm !== undefined) return { ntlm: user('spec.spf.auth.ntlm', values) };
  if (auth.negotiate !== undefined) {
    const field = 'spec.spf.auth.negotiate.secretRef';
    const principal = trimmed(values[`${field}.principalKey`]);
    return { negotiate: { principal, keytab: Buffer.from(values[`${field}.keytabKey`] ?? '', 'base64') } };
  }
  if (auth.bearer !== undefined)
    return { bearer: { token: trimmed(values['spec.spf.auth.bearer.secretRef']) } };
  if (auth.clientCertificate !== undefined) {
    const field = 'spec.spf.auth.clientCertificate.secretRef';
    return {
      clientCertificate: {
        certificate: values[`${field}.certificateKey`] ?? '',
        key: values[`${field}.privateKeyKey`] ?? '',
      },
    };
  }
  throw new TypeError(noAuth);
}
