import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MalformedAnswer } from '../json.ts';
import { endpointsOf, parseMetadata, resourceManagerOrigin } from './clouds.ts';
import { type AzureEndpoint, endpointIDOf } from './provider.ts';

const ids = { subscriptionID: 'SUB', tenantID: 'Tenant' };

test.each<[AzureEndpoint, string]>([
  [{ cloud: 'AzurePublic', ...ids }, 'azure:management.azure.com/tenant/sub'],
  [{ cloud: 'AzureChina', ...ids }, 'azure:management.chinacloudapi.cn/tenant/sub'],
  [{ cloud: 'AzureUSGovernment', ...ids }, 'azure:management.usgovcloudapi.net/tenant/sub'],
  [
    { cloud: 'Custom', endpoints: { resourceManager: 'https://ARM.Local.Example:443/' }, ...ids },
    'azure:arm.local.example/tenant/sub',
  ],
  [
    { cloud: 'Custom', endpoints: { resourceManager: 'https://arm.example:8443' }, ...ids },
    'azure:arm.example:8443/tenant/sub',
  ],
])('%o is the endpoint %s', (endpoint, id) => {
  expect(endpointIDOf(endpoint)).toBe(id);
});

test.each(['http://arm.example', 'https://arm.example/path', 'https://user@arm.example', 'arm.example', ''])(
  'a Resource Manager cannot be at %j',
  (resourceManager) => {
    expect(() => resourceManagerOrigin({ resourceManager })).toThrow(TypeError);
  },
);

test('a Custom cloud needs endpoints', () => {
  expect(() => endpointsOf('Custom')).toThrow('endpoints.resourceManager');
});

test.each([
  ['an object', (entry: object) => entry],
  ['a list', (entry: object) => [entry]],
])('metadata as %s', (_form, wrap) => {
  const authentication = {
    loginEndpoint: 'https://login.local.example/',
    audiences: ['https://arm.example/', 'x'],
  };
  expect(parseMetadata(wrap({ authentication }))).toEqual({
    authority: 'https://login.local.example',
    audience: 'https://arm.example/',
  });
});

test('metadata gives an https authority and an audience, or is malformed', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.webUrl(), (json, url) => {
      for (const value of [json, { authentication: { loginEndpoint: url, audiences: json } }]) {
        try {
          const { authority, audience } = parseMetadata(value);
          expect(authority).toMatch(/^https:/);
          expect(audience).not.toBe('');
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedAnswer);
        }
      }
    }),
  );
});
