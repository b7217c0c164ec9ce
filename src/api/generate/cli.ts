import { commandHelp, overview } from '../../cli/command.ts';
import { commands } from '../../cli/program.ts';

/** The page with what the kubectl plugin says of itself: the help of each command. */
export function cliPage(): string {
  const help = (title: string, text: string) => `## ${title}\n\n\`\`\`text\n${text.trimEnd()}\n\`\`\``;
  return `${[
    '<!-- Written by npm run generate from src/cli. Do not edit. -->',
    '# kubectl keyframe',
    '[cli.md](../cli.md) shows it at work. This is what `--help` prints.',
    help('kubectl keyframe --help', overview(commands)),
    ...commands.map((command) => help(`kubectl keyframe ${command.name}`, commandHelp(command))),
  ].join('\n\n')}\n`;
}
