import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseServiceRoot, type ServiceRoot } from './service-root.ts';

const subscription = '97fd50f3-1dc0-41b6-a7c0-2b4ff4c3f7e3';
const upper = subscription.toUpperCase();

const folder = new URL('../../../config/samples/', import.meta.url);
const samples = readdirSync(folder)
  .filter((file) => file.startsWith('vmprovider-spf'))
  .map((file) => [file, /url: (\S+)/.exec(readFileSync(new URL(file, folder), 'utf8'))?.[1] ?? ''] as const);

describe('a service root', () => {
  test.each<[string, string, Partial<ServiceRoot>]>([
    [
      "SPF's own site, in the scope of an administrator",
      'https://spf.contoso.example:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/',
      { door: 'SPF', apiVersion: 'SC2012R2' },
    ],
    [
      'in the scope of a tenant',
      `https://spf.contoso.example:8090/SC2012R2/VMM/${upper}/Microsoft.Management.Odata.svc/`,
      { door: 'SPF', subscriptionID: subscription, apiVersion: 'SC2012R2' },
    ],
    [
      'lower case, and without a slash, as some clients have it',
      `https://spf:8090/sc2012r2/vmm/${subscription}/microsoft.management.odata.svc`,
      { door: 'SPF', subscriptionID: subscription, apiVersion: 'SC2012R2' },
    ],
    [
      'SPF of 2012 SP1',
      'https://server/SC2012/VMM/Microsoft.Management.Odata.svc/',
      { door: 'SPF', apiVersion: 'SC2012' },
    ],
    [
      'behind a reverse proxy with a path of its own',
      'https://gate.example/clouds/one/SC2012R2/VMM/Microsoft.Management.Odata.svc/',
      { door: 'SPF', apiVersion: 'SC2012R2' },
    ],
    [
      'the admin API of Azure Pack',
      'https://wap:30004/services/systemcenter/SC2012R2/VMM/Microsoft.Management.Odata.svc/',
      { door: 'AzurePackAdmin', apiVersion: 'SC2012R2' },
    ],
    [
      'the tenant API of Azure Pack',
      `https://wapserver:30005/${upper}/services/systemcenter/vmm/`,
      { door: 'AzurePackTenant', subscriptionID: subscription },
    ],
    [
      'its public sister',
      `https://wapserver:30006/${upper}/services/systemcenter/vmm/`,
      { door: 'AzurePackPublic', subscriptionID: subscription },
    ],
    [
      'either of them behind another port',
      `https://wapserver/${upper}/services/systemcenter/vmm`,
      { door: 'AzurePackTenant', subscriptionID: subscription },
    ],
  ])('%s', (_name, url, expected) => {
    const { url: given, endpointID, ...rest } = parseServiceRoot(url);
    expect(rest).toEqual(expected);
    expect(given).toBe(url.endsWith('/') ? url : `${url}/`);
    expect(endpointID).toBe(`spf:${url.slice('https://'.length).replace(/\/$/, '').toLowerCase()}`);
  });

  test('is one endpoint in all of its spellings', () => {
    const ids = [
      `https://SPF.Example/SC2012R2/VMM/${upper}/Microsoft.Management.Odata.svc`,
      `https://spf.example:443/sc2012r2/vmm/${subscription}/microsoft.management.odata.svc///`,
    ].map((url) => parseServiceRoot(url).endpointID);
    expect(new Set(ids).size).toBe(1);
  });

  test.each([
    ['http://spf:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/', /https/],
    ['spf:8090', /https/],
    ['https://spf:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/?x=1', /without query/],
    ['https://spf:8090/SC2012R2/VMM/%4dicrosoft.Management.Odata.svc/', /escapes/],
    ['https://spf:8090/', /its path should be/],
    ['https://spf:8090/SC2012R2/VMM/', /its path should be/],
    ['https://spf:8090/SC2012R2/Admin/Microsoft.Management.Odata.svc/', /another service/],
    ['https://spf:8090/SC2012R2/VMM/tenant/Microsoft.Management.Odata.svc/', /its path should be/],
    [
      `https://spf:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/${subscription}`,
      /goes on after .* stands before/,
    ],
    ['https://wap:30006/services/systemcenter/vmm/', /its path should be/],
  ])('%s is none', (url, words) => {
    expect(() => parseServiceRoot(url)).toThrow(TypeError);
    expect(() => parseServiceRoot(url)).toThrow(words);
  });

  test.each(samples)('is what the sample %s names', (_file, url) => {
    expect(parseServiceRoot(url).endpointID).toMatch(/^spf:/);
  });

  test('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webUrl()), (url) => {
        try {
          parseServiceRoot(url);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
      }),
    );
  });
});
