import type { WireResponse } from '../common/http-server.ts';
import type { Identity } from './identity.ts';
import { json } from './operations.ts';
import { type ArmRequest, parameter, scopeOf } from './requests.ts';
import type { World } from './state.ts';

/** GET of a subscription. */
export function getSubscription(world: World, request: ArmRequest): WireResponse {
  const { id, displayName } = world.requireSubscription(parameter(request, 'subscriptionId'));
  return json(200, {
    id: `/subscriptions/${id}`,
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionId: id,
    displayName,
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  });
}

/** GET of a resource group. */
export function getResourceGroup(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  const group = world.requireResourceGroup(subscription, resourceGroup);
  return json(200, {
    id: `/subscriptions/${subscription}/resourceGroups/${group.name}`,
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    properties: { provisioningState: 'Succeeded' },
  });
}

/** GET /metadata/endpoints: how a cloud tells its authority and audiences; 1.0 has another form than later versions. */
export function getMetadata(identity: Identity, apiVersion: string): WireResponse {
  const authentication = {
    loginEndpoint: `${identity.authorityUrl}/`,
    audiences: [`${identity.resourceManagerUrl}/`, 'https://management.azure.com/'],
  };
  if (apiVersion === '1.0' || apiVersion === '2015-01-01') {
    return json(200, { galleryEndpoint: '', graphEndpoint: '', portalEndpoint: '', authentication });
  }
  const cloud = {
    name: 'SimulatedCloud',
    portal: '',
    authentication: { ...authentication, tenant: 'common', identityProvider: 'AAD' },
    resourceManager: `${identity.resourceManagerUrl}/`,
    suffixes: {},
  };
  // 2019-05-01 lists the clouds; later versions answer the one.
  return json(200, apiVersion === '2019-05-01' ? [cloud] : cloud);
}
