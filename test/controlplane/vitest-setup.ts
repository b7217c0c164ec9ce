/** Vitest's global setup of the integration project: one control plane for the whole run. */
import type { TestProject } from 'vitest/node';
import { startControlPlane } from './control-plane.ts';
import type {} from './vitest.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const controlPlane = await startControlPlane({ auditLog: true });
  try {
    await controlPlane.applyCustomResourceDefinitions();
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
  project.provide('controlPlane', controlPlane.handle);
  return () => controlPlane.stop();
}
