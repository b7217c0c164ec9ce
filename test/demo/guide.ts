import { apiVersion } from '../../src/api/kinds.ts';
import { checkpointVMs, copyName, engineVMs, namespace, speed, vms } from './scene.ts';

const namesOf = (some: readonly { name: string }[]): string => some.map(({ name }) => name).join(', ');

/** How to go on by hand, once the demo is done. */
export function guide({
  kubeconfig,
  operatorLog,
  operatorPid,
}: {
  kubeconfig: string;
  operatorLog: string;
  operatorPid: number | undefined;
}): string {
  return `
How to go on by hand. Cluster, operator and simulated vendors (Azure ${speed} times as
fast as the real one) stay until Ctrl-C, and what changes is shown below. In
another terminal:

  export KUBECONFIG=${kubeconfig}
  kubectl get keyframe
  kubectl describe rpcopy ${copyName}
  kubectl get events --sort-by=.metadata.creationTimestamp
  kubectl explain vmsnapshot.spec
  npx node src/cli/main.ts status     # the kubectl plugin, in this folder

Take a snapshot of your own; with a wrong name you see how a failure looks. VMs:

  azure   ${namesOf(vms)}
  engine  ${namesOf(engineVMs)}
  spf     ${namesOf(checkpointVMs)}

  kubectl apply -f - <<EOF
  apiVersion: ${apiVersion}
  kind: VMSnapshot
  metadata: {name: mine, namespace: ${namespace}}
  spec:
    providerRef: {name: azure}
    source: {vm: {name: web-1}}
  EOF
  kubectl wait vmsnap mine --for=condition=Ready
  kubectl delete vmsnap mine

Kill the operator while it is at work on one: another carries on within seconds,
and nothing is made twice. Its process id is told each time, too.

  kill -9 ${operatorPid ?? 'PID'}

Namespaces cannot be deleted here: they would stay Terminating, as no
kube-controller-manager runs. Delete the objects in them. The operator's log is
${operatorLog}
`;
}
