import { splitURL } from '../http.ts';
import { isRecord, listOf, MalformedAnswer, recordOf, textOf } from '../json.ts';

export type Cloud = 'AzurePublic' | 'AzureChina' | 'AzureUSGovernment' | 'Custom';

/** Where a cloud is, as far as it was told. */
export interface CloudEndpoints {
  resourceManager: string;
  authority?: string;
  audience?: string;
}

/** Where a cloud's tokens come from. */
export interface TokenEndpoints {
  /** Without a trailing slash. */
  authority: string;
  /** As the cloud names it; a trailing slash belongs to it (Azure sheet, section 14). */
  audience: string;
}

/** The clouds that Microsoft runs (Azure sheet, section 14). */
const clouds: Record<Exclude<Cloud, 'Custom'>, Required<CloudEndpoints>> = {
  AzurePublic: {
    resourceManager: 'https://management.azure.com',
    authority: 'https://login.microsoftonline.com',
    audience: 'https://management.azure.com/',
  },
  AzureChina: {
    resourceManager: 'https://management.chinacloudapi.cn',
    authority: 'https://login.chinacloudapi.cn',
    audience: 'https://management.chinacloudapi.cn/',
  },
  AzureUSGovernment: {
    resourceManager: 'https://management.usgovcloudapi.net',
    authority: 'https://login.microsoftonline.us',
    audience: 'https://management.usgovcloudapi.net/',
  },
};

/** The endpoints of a cloud. For Custom they are those given; throws a TypeError when there are none. */
export function endpointsOf(cloud: Cloud, custom?: CloudEndpoints): CloudEndpoints {
  if (cloud !== 'Custom') return clouds[cloud];
  if (custom === undefined) throw new TypeError('a Custom cloud needs endpoints.resourceManager');
  return custom;
}

/**
 * The origin of the Resource Manager. Throws a TypeError when the address is not `https://host[:port]`: the ids
 * that Azure gives are paths from the root.
 */
export function resourceManagerOrigin(endpoints: CloudEndpoints): string {
  const address = splitURL(endpoints.resourceManager);
  if (address === undefined || !address.origin.startsWith('https://') || !/^\/*$/.test(address.target)) {
    throw new TypeError(`resourceManager must be https://host[:port], not ${endpoints.resourceManager}`);
  }
  return address.origin;
}

/** Where a Resource Manager tells its authority and audience. */
export const metadataPath = '/metadata/endpoints?api-version=1.0';

/**
 * Reads the answer of `metadataPath`. Later versions give a list with one entry for each cloud.
 * Throws a MalformedAnswer when authority or audience are not in it.
 */
export function parseMetadata(json: unknown): TokenEndpoints {
  const entry = isRecord(json) ? json : recordOf(listOf(json)?.[0]);
  const authentication = recordOf(entry?.authentication);
  const authority = textOf(authentication?.loginEndpoint)?.replace(/\/+$/, '');
  const audience = textOf(listOf(authentication?.audiences)?.[0]);
  if (authority === undefined || audience === undefined || !authority.startsWith('https://')) {
    throw new MalformedAnswer(
      'the metadata of the Resource Manager names no https loginEndpoint and audience; set endpoints.authority and endpoints.audience',
    );
  }
  return { authority, audience };
}
