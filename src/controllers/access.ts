import type { Verdict } from '../api/conditions.ts';
import type { AccessRule } from '../api/v1alpha1/vm-provider.ts';

/** What someone wants to do through a ClusterVMProvider, with everything resolved by reads at the vendor. */
export interface AccessRequest {
  operation: 'Snapshot' | 'Copy' | 'Adopt' | 'Restore';
  namespace: string;
  namespaceLabels: Record<string, string>;
  vm: { id: string; name: string; resourceGroup: string };
  /** Where the result lies. */
  target: { resourceGroup: string; location: string };
}

/** Whether any one rule grants all of a request. Nothing is granted by default. */
export function grants(rules: AccessRule[] | undefined, request: AccessRequest): boolean {
  return (rules ?? []).some((rule) => grantedBy(rule, request));
}

/**
 * Whether any rule grants an operation on a VM, wherever the result is to lie: asked before anything of the VM is
 * told to whoever asks. Without a VM: whether the namespace may do it with any VM at all.
 */
export function grantsSource(
  rules: AccessRule[] | undefined,
  request: Pick<AccessRequest, 'operation' | 'namespaceLabels'> & { vm?: AccessRequest['vm'] },
): boolean {
  return (rules ?? []).some((rule) => sourceGrantedBy(rule, request));
}

function sourceGrantedBy(
  rule: AccessRule,
  { operation, namespaceLabels, vm }: Parameters<typeof grantsSource>[1],
): boolean {
  const { vms } = rule;
  return (
    rule.operations.includes(operation) &&
    selects(rule.namespaceSelector, namespaceLabels) &&
    (vms === undefined ||
      vm === undefined ||
      contains(vms.ids, vm.id) ||
      contains(vms.names, vm.name) ||
      contains(vms.resourceGroups, vm.resourceGroup))
  );
}

function grantedBy(rule: AccessRule, request: AccessRequest): boolean {
  const { targets } = rule;
  const { target } = request;
  return (
    sourceGrantedBy(rule, request) &&
    (targets?.resourceGroups === undefined || contains(targets.resourceGroups, target.resourceGroup)) &&
    (targets?.locations === undefined || contains(targets.locations, target.location, region))
  );
}

const caseBlind = (text: string) => text.toLowerCase();
const region = (text: string) => text.toLowerCase().replaceAll(' ', '');

function contains(list: string[] | undefined, value: string, normalise = caseBlind): boolean {
  return (list ?? []).some((item) => normalise(item) === normalise(value));
}

function selects(selector: AccessRule['namespaceSelector'], labels: Record<string, string>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        // DoesNotExist
        default:
          return value === undefined;
      }
    })
  );
}

/** The words of a denial: what was asked for, so that a rule can be written from it. */
export function accessDenial(
  rules: Parameters<typeof grants>[0],
  request: AccessRequest,
  provider: string,
): Verdict | undefined {
  if (grants(rules, request)) return undefined;
  const { operation, namespace, vm, target } = request;
  const into =
    target.location === '' ? '' : ` into ${target.location} (resource group ${target.resourceGroup})`;
  return {
    reason: 'AccessDenied',
    message: `ClusterVMProvider ${provider} grants namespace ${namespace} no ${operation} of ${vmInWords(vm)}${into}. Add a rule to its spec.access`,
  };
}

/** As `accessDenial`, before anything is told of the VM that was resolved, or is to be; see `grantsSource`. */
export function sourceAccessDenial(
  rules: Parameters<typeof grants>[0],
  request: Omit<AccessRequest, 'vm' | 'target'> & { vm?: AccessRequest['vm'] | undefined },
  provider: string,
): Verdict | undefined {
  const { operation, namespace, namespaceLabels, vm } = request;
  if (grantsSource(rules, { operation, namespaceLabels, ...(vm === undefined ? {} : { vm }) }))
    return undefined;
  const what = vm === undefined ? 'any VM' : vmInWords(vm);
  return {
    reason: 'AccessDenied',
    message: `ClusterVMProvider ${provider} grants namespace ${namespace} no ${operation} of ${what}. Add a rule to its spec.access`,
  };
}

/** A VM as access rules name it. */
export function vmInWords({ name, resourceGroup }: AccessRequest['vm']): string {
  return resourceGroup === '' ? `VM ${name}` : `VM ${name} (resource group ${resourceGroup})`;
}
