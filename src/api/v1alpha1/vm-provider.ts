import type { KubernetesObject } from '../kubernetes-object.ts';
import { location, resourceGroupName, secretKeyRef, statusBase } from './common.ts';
import {
  boolean,
  duration,
  integer,
  list,
  object,
  oneOf,
  optional,
  type Static,
  stringMap,
  text,
  union,
} from './schema.ts';

const guid = (description: string) =>
  text(36, {
    description,
    form: {
      pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
      message: 'write a GUID such as 01234567-89ab-cdef-0123-456789abcdef',
    },
  });

const httpsURL = (description: string) =>
  text(2048, {
    description,
    form: {
      pattern: '^https://[^\\s?#@]+$',
      message: 'write an https URL without user, query and fragment, such as https://management.example.com',
    },
  });

const azureAPIVersion = (description: string) =>
  text(32, {
    description,
    form: {
      pattern: '^20[0-9]{2}-[0-9]{2}-[0-9]{2}(-preview)?$',
      // YAML readers, kustomize's among them, make a time of a bare date.
      message: 'write an api-version such as "2024-07-01", in quotes',
    },
  });

const Azure = object(
  {
    cloud: optional(
      oneOf(['AzurePublic', 'AzureChina', 'AzureUSGovernment', 'Custom'], {
        description: 'Which cloud; Custom needs endpoints.',
        default: 'AzurePublic',
      }),
    ),
    endpoints: optional(
      object(
        {
          resourceManager: httpsURL('Address of the Azure Resource Manager.'),
          authority: optional(
            httpsURL("Address of the token authority. Unset: asked of the Resource Manager's metadata."),
          ),
          audience: optional(
            text(2048, {
              description: "Audience of the tokens. Unset: asked of the Resource Manager's metadata.",
              minLength: 1,
            }),
          ),
        },
        { description: 'Addresses of a Custom cloud, such as an Azure Stack.' },
      ),
    ),
    subscriptionID: guid('The subscription.'),
    tenantID: guid('The tenant.'),
    auth: union(
      {
        workloadIdentity: optional(
          object(
            {
              clientID: guid(
                'Client id of the application or identity that is federated with the ServiceAccount of the operator.',
              ),
            },
            {
              description:
                "The operator's own projected ServiceAccount token. An ambient identity: see --namespaced-ambient-credentials.",
            },
          ),
        ),
        managedIdentity: optional(
          object(
            {
              clientID: optional(
                guid('Client id of a user-assigned identity. Unset: the system-assigned one.'),
              ),
            },
            {
              description:
                'The managed identity of the node. An ambient identity: see --namespaced-ambient-credentials.',
            },
          ),
        ),
        clientSecret: optional(
          object(
            {
              clientID: guid('Client id of the application.'),
              secretRef: secretKeyRef('Where the client secret is.', 'clientSecret'),
            },
            { description: 'A client secret of an application.' },
          ),
        ),
      },
      { description: 'How Keyframe proves who it is.' },
    ),
    apiVersions: optional(
      object(
        {
          compute: optional(azureAPIVersion('Compute api-version. Unset: 2024-07-01.')),
        },
        { description: 'api-versions, for clouds that lag behind.' },
      ),
    ),
    resourceGroup: optional(
      resourceGroupName('The resource group for VMs and collections that are named without one.'),
    ),
  },
  {
    description: 'An Azure subscription.',
    rules: [
      {
        rule: "has(self.endpoints) == (has(self.cloud) && self.cloud == 'Custom')",
        message: 'endpoints go with cloud: Custom, and only with it',
      },
    ],
  },
);

const providerSpec = {
  azure: optional(Azure),
  tls: optional(
    object(
      {
        caBundle: optional(
          text(262144, {
            description: 'PEM certificates to trust beside those of the system.',
            form: {
              pattern: '^\\s*-----BEGIN CERTIFICATE-----[\\s\\S]*$',
              message: 'write certificates as PEM text: -----BEGIN CERTIFICATE----- ..',
            },
          }),
        ),
        caSecretRef: optional(secretKeyRef('A Secret that holds such certificates.', 'ca.crt')),
        insecureSkipVerify: optional(
          boolean({
            description: 'Do not verify certificates. Whoever is between can then read the credentials.',
          }),
        ),
      },
      {
        description: 'How the endpoint proves who it is.',
        rules: [
          {
            rule: '!(has(self.caBundle) && has(self.caSecretRef))',
            message: 'set caBundle or caSecretRef, not both',
          },
        ],
      },
    ),
  ),
  limits: optional(
    object(
      {
        maxConcurrent: optional(
          integer(1, 64, { description: 'Requests at once to the endpoint. Unset: 8.' }),
        ),
        requestsPerSecond: optional(
          integer(1, 1000, { description: 'Requests a second to the endpoint. Unset: 10.' }),
        ),
        requestTimeout: optional(
          duration({
            description: 'The longest that one request may take. Unset: 30s.',
            minimum: '1s',
            maximum: '10m',
          }),
        ),
      },
      {
        description:
          "Keyframe's own limits. Where several providers name one endpoint, the smallest of each holds.",
      },
    ),
  ),
  probeInterval: optional(
    duration({
      description: 'How often the connection is tried.',
      default: '5m',
      minimum: '1s',
      maximum: '24h',
    }),
  ),
};

const oneVendor = {
  rule: '[has(self.azure)].filter(x, x).size() == 1',
  message: 'set exactly one vendor: azure',
};

const VMProviderSpec = object(providerSpec, { description: 'What is wanted.', rules: [oneVendor] });

const AccessRule = object(
  {
    namespaceSelector: object(
      {
        matchLabels: optional(
          stringMap({
            description: 'Labels that the namespace must have.',
            maxProperties: 16,
            maxValueLength: 63,
          }),
        ),
        matchExpressions: optional(
          list(
            object(
              {
                key: text(316, { description: 'Label key.', minLength: 1 }),
                operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist'], {
                  description: 'How values are held against the label.',
                }),
                values: optional(
                  list(text(63, { description: 'A value.' }), 64, {
                    description: 'Values for In and NotIn.',
                  }),
                ),
              },
              {
                description: 'One requirement.',
                rules: [
                  {
                    rule: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                    message: 'In and NotIn need values; Exists and DoesNotExist take none',
                  },
                ],
              },
            ),
            16,
            { description: 'Requirements, all of which must hold.' },
          ),
        ),
      },
      {
        description: 'Which namespaces. The label kubernetes.io/metadata.name holds the name; {} means all.',
      },
    ),
    operations: list(oneOf(['Snapshot', 'Copy', 'Adopt', 'Restore'], { description: 'An operation.' }), 4, {
      description:
        'What they may do: any of Snapshot, Copy, Adopt, Restore. Restore has no effect yet: no kind restores.',
      minItems: 1,
    }),
    vms: optional(
      object(
        {
          ids: optional(
            list(text(1024, { description: 'An id.', minLength: 1 }), 64, { description: 'VMs by id.' }),
          ),
          names: optional(
            list(text(128, { description: 'A name.', minLength: 1 }), 64, { description: 'VMs by name.' }),
          ),
          resourceGroups: optional(
            list(resourceGroupName('A resource group.'), 64, {
              description: 'All VMs of these resource groups.',
            }),
          ),
        },
        {
          description: 'To which VMs. A VM that one of the lists names is granted. Unset: all.',
          rules: [
            {
              rule: 'has(self.ids) || has(self.names) || has(self.resourceGroups)',
              message: 'set ids, names or resourceGroups; leave vms away to grant all',
            },
          ],
        },
      ),
    ),
    targets: optional(
      object(
        {
          resourceGroups: optional(
            list(resourceGroupName('A resource group.'), 64, {
              description: 'Resource groups in which snapshots and copies may lie. Unset: all.',
            }),
          ),
          locations: optional(
            list(location('A region.'), 64, {
              description: 'Regions in which snapshots and copies may lie. Unset: all.',
            }),
          ),
        },
        { description: 'Where to. Both lists must grant. Unset: anywhere.' },
      ),
    ),
  },
  { description: 'One grant.' },
);

const ClusterVMProviderSpec = object(
  {
    ...providerSpec,
    access: optional(
      list(AccessRule, 64, {
        description:
          'Who may use it for what. Nothing is granted by default; one rule that grants all of a request is enough.',
      }),
    ),
  },
  { description: 'What is wanted.', rules: [oneVendor] },
);

const VMProviderStatus = object(
  {
    ...statusBase,
    endpointID: optional(
      text(4096, { description: 'Names the endpoint; recorded in whatever is made there.' }),
    ),
    product: optional(
      object(
        {
          name: text(128, { description: 'Product.' }),
          version: optional(text(128, { description: 'Version.' })),
          apiVersion: text(64, { description: 'Version of the API in use.' }),
        },
        { description: 'What answers there.' },
      ),
    ),
    secretResourceVersion: optional(text(128, { description: 'resourceVersion of the Secret in use.' })),
  },
  {
    description: 'What was found and done. Only the operator writes it.',
    default: { observedGeneration: -1 },
  },
);

export const VMProviderSchema = object(
  { spec: VMProviderSpec, status: optional(VMProviderStatus) },
  {
    description: 'VMProvider is a connection to one vendor endpoint, for its own namespace.',
  },
);
export const ClusterVMProviderSchema = object(
  { spec: ClusterVMProviderSpec, status: optional(VMProviderStatus) },
  {
    description:
      "ClusterVMProvider is a connection to one vendor endpoint for those namespaces that its access rules grant it to. Its Secrets lie in the operator's namespace.",
  },
);

export type AccessRule = Static<typeof AccessRule>;
export type AzureConnection = Static<typeof Azure>;
export type VMProviderSpec = Static<typeof VMProviderSpec>;
export type ClusterVMProviderSpec = Static<typeof ClusterVMProviderSpec>;
export type VMProviderStatus = Static<typeof VMProviderStatus>;
export type VMProvider = KubernetesObject & { spec: VMProviderSpec; status?: VMProviderStatus };
export type ClusterVMProvider = KubernetesObject & { spec: ClusterVMProviderSpec; status?: VMProviderStatus };
