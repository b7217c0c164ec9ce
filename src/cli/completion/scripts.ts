/**
 * Scripts by which shells complete `kubectl-keyframe`. Each asks `kubectl-keyframe __complete` for words; kubectl
 * asks the same of `kubectl_complete-keyframe` for `kubectl keyframe`.
 */

export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell';

export const shells: readonly Shell[] = ['bash', 'zsh', 'fish', 'powershell'];

/** Tells that files complete the word; else a shell must not offer any. */
export const filesDirective = ':0';
export const noFilesDirective = ':4';

export const scripts: Record<Shell, string> = {
  bash: `# Completes kubectl-keyframe in bash: source <(kubectl-keyframe completion bash)
_kubectl_keyframe() {
    local -a words
    local line word current

    # Not COMP_WORDS: it is broken at each = and :.
    read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
    case "\${COMP_LINE:0:COMP_POINT}" in
        *[[:space:]]) words+=('') ;;
    esac
    current="\${words[\${#words[@]}-1]}"
    # What bash replaces begins behind the last = or :.
    local before=''
    case "$current" in
        --*=*) current="\${current#*=}" ;;
    esac
    case "$current" in
        *:*) before="\${current%:*}:" ;;
    esac

    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            ${filesDirective})
                while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
                compopt -o filenames 2>/dev/null
                ;;
            :*) ;;
            *)
                word="\${line%%$'\\t'*}"
                case "$word" in
                    "$current"*) COMPREPLY+=("\${word#"$before"}") ;;
                esac
                ;;
        esac
    done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _kubectl_keyframe kubectl-keyframe
`,
  zsh: `#compdef kubectl-keyframe
# Completes kubectl-keyframe in zsh: source <(kubectl-keyframe completion zsh), or keep this as _kubectl-keyframe in a
# folder of $fpath.
_kubectl_keyframe() {
    local line word description
    local -a found
    while IFS= read -r line; do
        case "$line" in
            ${filesDirective})
                compset -P '--*='
                _files
                return
                ;;
            :*) ;;
            *)
                word="\${line%%$'\\t'*}"
                description="\${line#"$word"}"
                found+=("\${word//:/\\\\:}\${description:+:\${description#$'\\t'}}")
                ;;
        esac
    done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
    compset -P '--*='
    _describe 'keyframe' found
}
if [ "$funcstack[1]" = "_kubectl-keyframe" ]; then
    _kubectl_keyframe
else
    compdef _kubectl_keyframe kubectl-keyframe
fi
`,
  fish: `# Completes kubectl-keyframe in fish: kubectl-keyframe completion fish | source
function __kubectl_keyframe_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    test -n "$current"; or set current ''
    set -l before ''
    if string match -qr -- '^--[^=]+=' $current
        set before (string replace -r '=.*' '=' -- $current)
    end
    for line in ($words[1] __complete $words[2..-1] $current 2>/dev/null)
        if test "$line" = '${filesDirective}'
            __fish_complete_path (string replace -- "$before" '' $current)
        else if not string match -q ':*' -- $line
            echo -- $before$line
        end
    end
end
complete -c kubectl-keyframe -f -a '(__kubectl_keyframe_complete)'
`,
  powershell: `# Completes kubectl-keyframe in PowerShell: kubectl-keyframe completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName 'kubectl-keyframe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    # Older PowerShells hand no empty argument to a program.
    $env:KEYFRAME_COMPLETE_WORD = "$wordToComplete"
    try {
        $lines = & kubectl-keyframe __complete-word @words 2>$null
    } finally {
        Remove-Item Env:KEYFRAME_COMPLETE_WORD
    }
    $before = ''
    if ($wordToComplete -match '^(--[^=]+=)') { $before = $Matches[1] }
    foreach ($line in $lines) {
        if ($line.StartsWith(':')) { continue }
        $value, $description = $line -split "\`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new("$before$value", $value, 'ParameterValue', $description)
    }
}
`,
};
