/** What docs/gitops.md shows is what the tools say and what the examples have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { argoHealth } from '../../gitops/reader.ts';
import { configFolder, customization, text, yaml } from '../../gitops/scripts.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/gitops.md'), 'utf8');

const shown = [
  ...page.matchAll(/^ {2}(resource_customizations\/\S+)\n```\n\n```\nSTATUS: (\w+)\nMESSAGE: (.*)\n```/gm),
].map(([, path = '', status, message]) => ({ path, status, message }));

it('shows what Argo CD says of some objects', () => {
  expect(shown.length).toBeGreaterThan(1);
});

it.each(shown)('$path is $status in Argo CD, with the message that is shown', async ({ path, ...health }) => {
  const object = yaml<{ kind: string }>(join(configFolder, 'argocd', path));
  const [answer] = await argoHealth(customization(object.kind).health ?? '', [object]);
  expect(answer?.value).toEqual(health);
});

it('shows the Kustomization of the example for Flux as it is', () => {
  expect(page).toContain(`\`\`\`yaml\n${text(join(configFolder, 'flux/cluster/snapshots.yaml'))}\`\`\``);
});
