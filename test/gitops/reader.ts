/** Reads objects by the program `gitops-reader`, as Argo CD and Flux do. */
import { execFile } from 'node:child_process';
import { findBinary } from '../controlplane/binaries.ts';
import type { Status } from '../support/kstatus.ts';

/** What Argo CD's health script gives. */
export interface Health {
  status: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended';
  message: string;
}

/** The expressions of an entry of Flux's healthCheckExprs. */
export interface HealthExpressions {
  inProgress?: string;
  failed?: string;
  current: string;
}

interface Question {
  do: 'argo-health' | 'argo-discovery' | 'argo-action' | 'kstatus' | 'flux-health' | 'flux-kind';
  script?: string;
  expressions?: HealthExpressions;
  object: object;
}

/** Something that was read, or why it could not be. */
export type Answer<T> = { value: T; error?: never } | { error: string; value?: never };

/** The health of objects by a Lua script. */
export const argoHealth = (script: string, objects: object[]) =>
  read<Health>(objects.map((object) => ({ do: 'argo-health', script, object })));

/** The actions that a discovery script offers, by name, for each object. */
export const argoDiscovery = (script: string, objects: object[]) =>
  read<Record<string, { disabled?: boolean }>>(
    objects.map((object) => ({ do: 'argo-discovery', script, object })),
  );

/** What an action makes of each object. */
export const argoAction = (script: string, objects: object[]) =>
  read<Record<string, unknown>>(objects.map((object) => ({ do: 'argo-action', script, object })));

/** The status that kstatus computes of each object: that of sigs.k8s.io/cli-utils, and Flux's fork of it, which agree. */
export const kstatuses = (objects: object[]) =>
  read<Status>(objects.map((object) => ({ do: 'kstatus', object })));

/** The status that Flux computes of each object by the expressions of a health check. */
export const fluxHealth = (expressions: HealthExpressions, objects: object[]) =>
  read<Status>(objects.map((object) => ({ do: 'flux-health', expressions, object })));

/** The kinds of Flux's own manifests; an error where Flux's types lack a field that a manifest has. */
export const fluxKinds = (objects: object[]) =>
  read<string>(objects.map((object) => ({ do: 'flux-kind', object })));

async function read<T>(questions: Question[]): Promise<Answer<T>[]> {
  const command = await findBinary('gitops-reader');
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 64 * 2 ** 20, timeout: 60_000 };
    const child = execFile(command, limits, (error, stdout) => {
      if (error) reject(error);
      else resolve(JSON.parse(stdout) as Answer<T>[]);
    });
    child.stdin?.on('error', () => {}); // the end of the program tells why
    child.stdin?.end(JSON.stringify(questions));
  });
}
