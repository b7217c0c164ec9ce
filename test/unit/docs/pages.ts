import type { Registry } from 'prom-client';

/** The rows of a table of flags that --help makes: flag, default, meaning. */
export function flagRows(help: string): string[] {
  const rows: string[] = [];
  let current: { flag: string; fallback: string; words: string[] } | undefined;
  const end = () => {
    if (current !== undefined)
      rows.push(`| \`${current.flag}\` | ${current.fallback} | ${current.words.join(' ')} |`);
    current = undefined;
  };
  for (const line of help.split('\n')) {
    const [, flag, fallback] = /^ {2}(--[\w-]+(?:=\S+)?)(?: {2}\((.*)\))?$/.exec(line) ?? [];
    if (flag !== undefined) {
      end();
      current = { flag, fallback: fallback === undefined ? '' : `\`${fallback}\``, words: [] };
    } else if (line.startsWith('      ')) current?.words.push(line.trim());
    else end();
  }
  end();
  return rows;
}

/** The rows of a table of metrics: name, type, labels, meaning. Those of the process itself are left away. */
export function metricRows(registry: Registry): string[] {
  const all = registry.getMetricsAsArray() as unknown as {
    name: string;
    help: string;
    type: string;
    labelNames: string[];
  }[];
  return all
    .filter(({ name }) => name.startsWith('keyframe_'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, help, type, labelNames }) => {
      const labels = labelNames.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${type} | ${labels} | ${help} |`;
    });
}

/** The targets of a page's links that are not those of other sites; what stands in code is no link. */
export function linksOf(markdown: string): string[] {
  const prose = withoutCode(markdown);
  return [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** The anchors that a page's headings have on GitHub. */
export function headingAnchors(markdown: string): Set<string> {
  const headings = withoutFences(markdown)
    .split('\n')
    .flatMap((line) => /^#{1,6}\s+(.*?)\s*$/.exec(line)?.[1] ?? []);
  const seen = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const plain = heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-');
      const count = seen.get(plain) ?? 0;
      seen.set(plain, count + 1);
      return count === 0 ? plain : `${plain}-${count}`;
    }),
  );
}

function withoutFences(markdown: string): string {
  return markdown.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '');
}

function withoutCode(markdown: string): string {
  return withoutFences(markdown).replaceAll(/`[^`\n]*`/g, '');
}
