/**
 * The scripts that `prov completion` prints. Each only asks `prov __complete` and hands the answer to
 * its shell: nothing is evaluated, and quoting is left to whom it belongs (zsh and fish quote what
 * they insert; bash does not, so there the answer comes quoted).
 *
 * @module
 */

export const shells = ['bash', 'zsh', 'fish'] as const

const bash = `# bash completion of prov; in ~/.bashrc: source <(prov completion bash)
_prov() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(command prov __complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" </dev/null 2>/dev/null)
  if [[ \${COMPREPLY[0]-} == files ]]; then
    COMPREPLY=()
    compopt -o default 2>/dev/null
  else
    COMPREPLY=("\${COMPREPLY[@]:1}")
  fi
}
complete -F _prov prov
`

const zsh = `#compdef prov
# zsh completion of prov; in ~/.zshrc, after compinit: source <(prov completion zsh)
_prov() {
  local line
  local -a lines values shown
  lines=("\${(@f)$(command prov __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" </dev/null 2>/dev/null)}")
  if [[ $lines[1] == files ]]; then
    _files
    return
  fi
  shift lines
  for line in $lines; do
    values+=("\${line%%$'\\t'*}")
    shown+=("\${line/$'\\t'/  -- }")
  done
  (( $#values )) && compadd -l -d shown -a values
}
if [[ $funcstack[1] == _prov ]]; then
  _prov "$@"
else
  compdef _prov prov
fi
`

const fish = `# fish completion of prov; prov completion fish > ~/.config/fish/completions/prov.fish
function __prov_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -e words[1]
    set -l lines (command prov __complete fish $words "$typed" </dev/null 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$typed"
    else if set -q lines[2]
        string join \\n -- $lines[2..-1]
    end
end
complete -c prov -f -a '(__prov_complete)'
`

export const completionScripts: Readonly<Record<(typeof shells)[number], string>> = {
  bash,
  zsh,
  fish,
}
