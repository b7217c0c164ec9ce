import { type Call, command } from '../command.ts';
import { type Shell, scripts, shells } from '../completion/scripts.ts';
import { exitCodes, UsageError } from '../failure.ts';

export const completion = command({
  name: 'completion',
  arguments: 'SHELL',
  argumentCount: [1, 1],
  summary: 'Prints the script by which a shell completes commands and names',
  description: [
    `SHELL is one of ${shells.join(', ')}. The script completes kubectl-keyframe, written with its hyphen.`,
    'For kubectl keyframe, kubectl itself (1.26 and newer, with its own completion loaded) asks a program kubectl_complete-keyframe, which comes with this plugin: it has only to be on the PATH.',
  ],
  examples: [
    { text: 'A file that ~/.bashrc sources:', command: 'completion bash > ~/.kube/keyframe.bash' },
    { text: 'In zsh, a file in a folder of $fpath:', command: 'completion zsh > ~/.zsh/_kubectl-keyframe' },
    { text: 'In ~/.config/fish/config.fish:', command: 'completion fish | source' },
    {
      text: 'In the profile of PowerShell:',
      command: 'completion powershell | Out-String | Invoke-Expression',
    },
  ],
  options: {},
  suggests: shells,
  async run({ args, stdout }: Call<Record<never, never>>): Promise<number> {
    const [shell] = args;
    const script = scripts[shell as Shell];
    if (script === undefined)
      throw new UsageError(`SHELL is one of ${shells.join(', ')}, not ${JSON.stringify(shell)}`);
    stdout.write(script);
    return exitCodes.done;
  },
});
