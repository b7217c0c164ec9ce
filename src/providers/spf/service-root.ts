import { splitURL } from '../http.ts';

/** The ways in: SPF's own site, and the doors of Windows Azure Pack before it (SPF sheet, section 1). */
export type Door = 'SPF' | 'AzurePackAdmin' | 'AzurePackTenant' | 'AzurePackPublic';

/** What holds at a service root. */
export interface ServiceRoot {
  /** As it was given, with one slash at its end; keys and sets are written behind it. */
  url: string;
  door: Door;
  /** In lower case; without one, SPF acts as an administrator over all tenants. */
  subscriptionID?: string;
  /** The version of the interface, as SPF's own paths name it. */
  apiVersion?: 'SC2012' | 'SC2012R2';
  /** Names the endpoint whatever the spelling: `spf:host[:port]/path`, lower case. */
  endpointID: string;
}

const guid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const service = 'microsoft\\.management\\.odata\\.svc';

/** The forms of a root's path, which case does not matter to. What stands before them is a reverse proxy's. */
const forms: [form: RegExp, door: Exclude<Door, 'AzurePackPublic'>][] = [
  [new RegExp(`/services/systemcenter/(?<version>sc2012(?:r2)?)/vmm/${service}$`, 'i'), 'AzurePackAdmin'],
  [new RegExp(`/(?<subscription>${guid})/services/systemcenter/vmm$`, 'i'), 'AzurePackTenant'],
  [new RegExp(`/(?<version>sc2012(?:r2)?)/vmm(?:/(?<subscription>${guid}))?/${service}$`, 'i'), 'SPF'],
];

/** Ports of Azure Pack's doors. Those of the tenant API and its public sister share a path. */
const publicPort = ':30006';

/**
 * Reads a service root. Throws a TypeError that says what is wrong when it is none of the forms that SPF and Azure
 * Pack have.
 */
export function parseServiceRoot(url: string): ServiceRoot {
  const address = splitURL(url);
  if (address === undefined || !address.origin.startsWith('https://') || /[?%]/.test(address.target)) {
    throw new TypeError(
      `the service root must be a plain https URL without query and escapes, not ${JSON.stringify(url)}`,
    );
  }
  const path = address.target.replace(/\/+$/, '');
  for (const [form, door] of forms) {
    const groups = form.exec(path)?.groups;
    if (groups === undefined) continue;
    const { version, subscription } = groups;
    const isPublic = door === 'AzurePackTenant' && address.origin.endsWith(publicPort);
    return {
      url: `${address.origin}${path}/`,
      door: isPublic ? 'AzurePackPublic' : door,
      ...(subscription === undefined ? {} : { subscriptionID: subscription.toLowerCase() }),
      ...(version === undefined ? {} : { apiVersion: version.toUpperCase() as 'SC2012' | 'SC2012R2' }),
      endpointID: `spf:${address.origin.slice('https://'.length)}${path}`.toLowerCase(),
    };
  }
  throw new TypeError(`${url} is no service root of VMM: ${whatIsWrong(path)}`);
}

/** The mistake that a path is most likely to be. */
function whatIsWrong(path: string): string {
  if (/\/sc2012(r2)?\/(admin|usage|provider)(\/|$)/i.test(path)) {
    return "it is another service of SPF's; VMM's is at /SC2012R2/VMM/Microsoft.Management.Odata.svc";
  }
  if (new RegExp(`/${service}/.`, 'i').test(path)) {
    return 'it goes on after Microsoft.Management.Odata.svc; a subscription stands before that';
  }
  return (
    'its path should be /SC2012R2/VMM/Microsoft.Management.Odata.svc, or that of a tenant, ' +
    '/SC2012R2/VMM/<subscription>/Microsoft.Management.Odata.svc, or of Azure Pack, /<subscription>/services/systemcenter/vmm'
  );
}

/** A door in words. */
export const doorNames: Record<Door, string> = {
  SPF: "Service Provider Foundation's own site",
  AzurePackAdmin: 'the admin API of Windows Azure Pack',
  AzurePackTenant: 'the tenant API of Windows Azure Pack',
  AzurePackPublic: 'the tenant public API of Windows Azure Pack',
};

/** How one proves who one is. */
export type Authentication = 'basic' | 'ntlm' | 'negotiate' | 'bearer' | 'clientCertificate';

/**
 * What each door takes by itself (SPF sheet, section 1). Nothing is refused for it: proxies stand before some
 * doors, and ports can be changed. It is what to say when credentials are refused.
 */
export const authenticationsOf: Record<Door, Authentication[]> = {
  SPF: ['basic', 'ntlm', 'negotiate'],
  AzurePackAdmin: ['bearer'],
  AzurePackTenant: ['bearer'],
  AzurePackPublic: ['clientCertificate', 'bearer'],
};
