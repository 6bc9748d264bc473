#include "nodes/cli/completion_script.hpp"

namespace skein::cli {

namespace {

constexpr std::string_view of_bash = R"(# Completes commands of skein in bash 4.4 or newer:
#   source <(skein completion bash)
# or for all sessions to come, where the package bash-completion is installed:
#   skein completion bash > ~/.local/share/bash-completion/completions/skein
_skein() {
  local program=${1/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT} typed lead='' each
  local -a found
  mapfile -t found < <("$program" complete --line "$line" 2>/dev/null)
  COMPREPLY=()
  case ${found[0]-} in
    files) compopt -o bashdefault -o default 2>/dev/null; return ;;
    folders) compopt -o dirnames 2>/dev/null; return ;;
  esac
  typed=${line##*[[:space:]]}
  # Bash takes "=" and ":" for ends of words, unless told otherwise, and keeps what is before them.
  for each in = :; do
    if [[ $typed == *"$each"* && $COMP_WORDBREAKS == *"$each"* ]]; then
      each=${typed%"${typed##*"$each"}"}
      [[ ${#each} -le ${#lead} ]] || lead=$each
    fi
  done
  for each in "${found[@]:1}"; do
    each=${each%%$'\t'*}
    [[ $typed == [\"\']* ]] || printf -v each %q "$each"
    COMPREPLY+=("${each#"$lead"}")
  done
}
complete -F _skein skein
)";

constexpr std::string_view of_zsh = R"(#compdef skein
# Completes commands of skein in zsh:
#   source <(skein completion zsh)        after compinit
# or for all sessions to come, in a folder of $fpath:
#   skein completion zsh > /usr/local/share/zsh/site-functions/_skein
_skein() {
  local -a found offered
  local each kind
  found=("${(@f)$(${~words[1]} complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  kind=$found[1]
  shift found
  case $kind in
    files) compset -P '*='; _files ;;
    folders) compset -P '*='; _files -/ ;;
    *)
      for each in $found; do
        offered+=("${${each%%$'\t'*}//:/\\:}:${each#*$'\t'}")
      done
      _describe skein offered
      ;;
  esac
}
if [[ $funcstack[1] == _skein ]]; then
  _skein "$@"
else
  compdef _skein skein
fi
)";

constexpr std::string_view of_fish = R"(# Completes commands of skein in fish:
#   skein completion fish | source
# or for all sessions to come:
#   skein completion fish > ~/.config/fish/completions/skein.fish
function __skein_complete
  set -l words (commandline -opc)
  set -l program $words[1]
  set -e words[1]
  set -l typed (commandline -ct)
  set -l found ($program complete -- $words "$typed" 2>/dev/null)
  set -l kind $found[1]
  set -e found[1]
  switch "$kind"
    case files
      __fish_complete_path "$typed"
    case folders
      __fish_complete_directories "$typed"
    case '*'
      test (count $found) -gt 0; and printf '%s\n' $found
  end
end
complete -c skein -f -a '(__skein_complete)'
)";

} // namespace

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash")
    return of_bash;
  if (shell == "zsh")
    return of_zsh;
  return shell == "fish" ? of_fish : std::string_view{};
}

} // namespace skein::cli
