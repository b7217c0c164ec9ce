/** What config/argocd holds for Argo CD. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load, loadAll } from 'js-yaml';
import type { KubernetesObject } from '../../src/api/kubernetes-object.ts';
import type { Health } from './reader.ts';

/** The folder of the manifests. */
export const configFolder = join(import.meta.dirname, '../../config');
const argocd = join(configFolder, 'argocd');

/** The folder of the group in Argo CD's own layout. */
export const layout = join(argocd, 'resource_customizations/keyframe.dev');
/** The folder of the health script, its expectations and fixtures. */
export const healthFolder = join(layout, '_');
/** The folder of the actions of a kind. */
export const actionsFolder = (kind: string) => join(layout, kind, 'actions');
/** The fixtures of the health script. */
export const testdata = join(healthFolder, 'testdata');

export const text = (path: string) => readFileSync(path, 'utf8');
export const yaml = <T>(path: string) => load(text(path)) as T;

/** What a health_test.yaml of Argo CD holds. */
export interface HealthTest {
  tests: { healthStatus: Health; inputPath: string }[];
}

/** What an action_test.yaml of Argo CD holds. */
export interface ActionTest {
  discoveryTests: { inputPath: string; result: ({ name: string } & Record<string, unknown>)[] }[];
  actionTests: { action: string; inputPath: string; expectedOutputPath: string }[];
}

/** What the patch gives to the ConfigMap argocd-cm. */
export function argocdSettings(): Record<string, string> {
  return yaml<{ data: Record<string, string> }>(join(argocd, 'argocd-cm.yaml')).data;
}

/** Actions as a key of argocd-cm holds them. */
export interface Actions {
  'discovery.lua': string;
  definitions: { name: string; 'action.lua': string }[];
}

/** The health script and the actions that argocd-cm gives a kind. */
export function customization(kind: string): { health: string | undefined; actions: Actions | undefined } {
  const data = argocdSettings();
  const actions = data[`resource.customizations.actions.keyframe.dev_${kind}`];
  return {
    health: data[`resource.customizations.health.keyframe.dev_${kind}`],
    actions: actions === undefined ? undefined : (load(actions) as Actions),
  };
}

/** The manifests in a file of config, by its path from there. */
export function manifestsIn(path: string): KubernetesObject[] {
  const documents = loadAll(text(join(configFolder, path))) as (KubernetesObject | null)[];
  return documents.filter((document) => document !== null);
}
