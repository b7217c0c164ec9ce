import type { KubernetesObject } from '../kubernetes-object.ts';
import {
  guid,
  location,
  maxIDLength,
  objectName,
  resourceGroupName,
  secretKey,
  secretKeyRef,
  statusBase,
} from './common.ts';
import {
  boolean,
  duration,
  exactlyOne,
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

/** A Secret that holds a user name and a password. */
const userSecretRef = (description: string, user: string) =>
  object(
    {
      name: objectName('Name of the Secret.'),
      usernameKey: secretKey(`Key in the Secret under which the user name is, ${user}.`, 'username'),
      passwordKey: secretKey('Key in the Secret under which the password is.', 'password'),
    },
    { description },
  );

const engineUser = 'such as admin@internal: user@profile, where the profile is what follows the last @';
const ovirtAuth = (description: string) =>
  optional(
    object({ secretRef: userSecretRef('Where user name and password are.', engineUser) }, { description }),
  );

const Ovirt = object(
  {
    url: text(2048, {
      description:
        'Address of the engine, up to and with /ovirt-engine; what lies below it is added by Keyframe.',
      form: {
        pattern: '^https://[^\\s/?#@]+(/[^\\s?#@]+)?/ovirt-engine/?$',
        message:
          'write the https address of the engine up to /ovirt-engine, without user, query and fragment, such as https://engine.example.com/ovirt-engine',
      },
    }),
    apiVersion: optional(
      oneOf(['Auto', 'V4', 'V3'], {
        description:
          'Version of the API. Auto: V4 where the engine speaks it (4.0 and later), else V3. Unset: Auto.',
        default: 'Auto',
      }),
    ),
    auth: union(
      {
        oauth: ovirtAuth('A token of the single sign-on of engines 4.0 and later.'),
        basic: ovirtAuth(
          'User name and password with every request. Engines 4.0 and later log in anew for each.',
        ),
        session: ovirtAuth('A persistent session by cookie, as engines 3.x have it; ended at the end.'),
      },
      { description: 'How Keyframe proves who it is.' },
    ),
  },
  { description: 'An engine of oVirt or Red Hat Virtualization.' },
);

const windowsUser = 'as DOMAIN\\user or user@domain';

const Spf = object(
  {
    url: text(2048, {
      description:
        'The service root. SPF itself: https://HOST:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc, of one tenant: https://HOST:8090/SC2012R2/VMM/SUBSCRIPTION/Microsoft.Management.Odata.svc; or a door of Windows Azure Pack: https://HOST:30006/SUBSCRIPTION/services/systemcenter/vmm.',
      form: {
        pattern: '^https://[^\\s/?#@]+/[^\\s?#@]+$',
        message:
          'write the https address of the service root with its path, without user, query and fragment, such as https://spf.example.com:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc',
      },
    }),
    principalID: text(256, {
      description:
        'Under whose name VMM records what Keyframe does, such as user@contoso.com: the header x-ms-principal-id. It proves nothing.',
      form: {
        pattern: '^[!-~]([ -~]*[!-~])?$',
        message: 'write a name of printable ASCII characters, such as user@contoso.com',
      },
    }),
    auth: union(
      {
        basic: optional(
          object(
            { secretRef: userSecretRef('Where user name and password are.', windowsUser) },
            { description: 'User name and password with every request.' },
          ),
        ),
        ntlm: optional(
          object(
            { secretRef: userSecretRef('Where user name and password are.', windowsUser) },
            { description: 'NTLM, version 2.' },
          ),
        ),
        negotiate: optional(
          object(
            {
              secretRef: object(
                {
                  name: objectName('Name of the Secret.'),
                  principalKey: secretKey(
                    'Key in the Secret under which the Kerberos principal is, as user@REALM.',
                    'principal',
                  ),
                  keytabKey: secretKey('Key in the Secret under which its keytab is.', 'keytab'),
                },
                { description: 'Where principal and keytab are.' },
              ),
            },
            {
              description:
                'Kerberos. It needs the package kerberos beside the operator, and a krb5.conf that finds the realm.',
            },
          ),
        ),
        bearer: optional(
          object(
            { secretRef: secretKeyRef('Where the token is.', 'token') },
            {
              description:
                'A bearer token, as the doors of Windows Azure Pack take it. Keyframe does not renew it: put a new one into the Secret.',
            },
          ),
        ),
        clientCertificate: optional(
          object(
            {
              secretRef: object(
                {
                  name: objectName('Name of the Secret, such as one of type kubernetes.io/tls.'),
                  certificateKey: secretKey(
                    'Key in the Secret under which the certificate is, as PEM with its chain.',
                    'tls.crt',
                  ),
                  privateKeyKey: secretKey(
                    'Key in the Secret under which its private key is, as PEM without a passphrase.',
                    'tls.key',
                  ),
                },
                { description: 'Where certificate and private key are.' },
              ),
            },
            { description: 'A client certificate, as the public door of Windows Azure Pack takes it.' },
          ),
        ),
      },
      { description: 'How Keyframe proves who it is.' },
    ),
  },
  { description: 'A Service Provider Foundation of System Center, with its VMM.' },
);

const providerSpec = {
  azure: optional(Azure),
  ovirt: optional(Ovirt),
  spf: optional(Spf),
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
            description:
              'The longest that one request may take. Unset: 30s; of SPF 2m, as some of its calls wait until VMM is done.',
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

const oneVendor = exactlyOne('azure', 'ovirt', 'spf');

const VMProviderSpec = object(providerSpec, {
  description: 'What is wanted. Set exactly one of azure, ovirt, spf.',
  rules: [oneVendor],
});

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
        'What they may do: any of Snapshot (VMSnapshot, and RestorePointCollection of a VM), Copy (RestorePointCopy), Adopt (what is there already, and its listing by VMSnapshotInventory), Restore (VMRestore).',
      minItems: 1,
    }),
    vms: optional(
      object(
        {
          ids: optional(
            list(text(maxIDLength, { description: 'An id.', minLength: 1 }), 64, {
              description: 'VMs by id.',
            }),
          ),
          names: optional(
            list(text(255, { description: 'A name.', minLength: 1 }), 64, {
              description:
                'VMs by name. Where names are not unique, or whoever is granted this can rename VMs, ids are safer.',
            }),
          ),
          resourceGroups: optional(
            list(resourceGroupName('A resource group.'), 64, {
              description: 'Azure: all VMs of these resource groups.',
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
        { description: 'Azure: where to. Both lists must grant. Unset: anywhere.' },
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
  {
    description: 'What is wanted. Set exactly one of azure, ovirt, spf.',
    rules: [
      oneVendor,
      {
        rule: 'has(self.azure) || !has(self.access) || self.access.all(rule, !has(rule.targets) && !(has(rule.vms) && has(rule.vms.resourceGroups)))',
        message:
          'targets and vms.resourceGroups are for azure; with ovirt and spf grant by vms.ids or vms.names',
      },
    ],
  },
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
export type OvirtConnection = Static<typeof Ovirt>;
export type SpfConnection = Static<typeof Spf>;
export type VMProviderSpec = Static<typeof VMProviderSpec>;
export type ClusterVMProviderSpec = Static<typeof ClusterVMProviderSpec>;
export type VMProviderStatus = Static<typeof VMProviderStatus>;
export type VMProvider = KubernetesObject & { spec: VMProviderSpec; status?: VMProviderStatus };
export type ClusterVMProvider = KubernetesObject & { spec: ClusterVMProviderSpec; status?: VMProviderStatus };
