#include "nodes/cli/bundle.hpp"
#include "nodes/cli/commands.hpp"

#include <algorithm>
#include <array>

namespace skein::cli {

namespace {

constexpr std::array table{
    command{"dev", "", "", "Run one node on this machine to try things out.",
            "skein dev\nskein dev --config bots.toml --ephemeral --port 0", define_dev},
    command{"start", "", "", "Run one node of a configuration.",
            "skein start --config cluster.toml --node n1", define_start},
    command{"demo", "", "", "Run a cluster of processes to play with, and break it.",
            "skein demo --nodes 3\nskein demo --nodes 3 --ha --script breakage.txt", define_demo},
    command{"send", "", "[TEXT]", "Publish an event; with --wait, print what came of it.",
            "skein send \"hello\" --key demo --wait\n"
            "skein send --key order-7 --type order.paid --data-file order.json\n"
            "skein send \"tea is ready\" --key demo --due +3m\n"
            "skein send \"forget all\" --type cache.clear --broadcast nodes",
            define_send},
    command{"status", "", "", "Show a node's health, counts, loops and agents.", "skein status",
            define_status},
    command{"event", "list", "", "List events, newest first.",
            "skein event list --state retrying\nskein event list --key order-7 -o jsonl",
            define_event_list},
    command{"event", "describe", "EVENT", "Show all that is known of an event.",
            "skein event describe 17-42", define_event_describe},
    command{"event", "cancel", "EVENT...", "Cancel what has not ended of events.",
            "skein event cancel 17-42", define_event_cancel},
    command{"key", "list", "", "List the keys at which something waits or runs.", "skein key list",
            define_key_list},
    command{"key", "describe", "KEY", "Show a key's lanes and its latest events.",
            "skein key describe order-7", define_key_describe},
    command{"dead", "list", "", "List dead letters, newest first.", "skein dead list --agent bot",
            define_dead_list},
    command{"dead", "show", "EVENT", "Show a dead letter with its payload and every error.",
            "skein dead show 17-42", define_dead_show},
    command{"agent", "list", "", "List agents with what they do.", "skein agent list",
            define_agent_list},
    command{"agent", "describe", "NAME", "Show an agent's settings and counts.",
            "skein agent describe bot", define_agent_describe},
    command{"job", "list", "", "List jobs: what is published by the clock.", "skein job list",
            define_job_list},
    command{"job", "describe", "NAME", "Show a job, its next instants and its rules.",
            "skein job describe report", define_job_describe},
    command{"job", "create", "NAME", "Make a job: an event at its times.",
            "skein job create tidy --every 1h --agent bot --data \"tidy up\"\n"
            "skein job create report --cron \"0 9 * * MON-FRI\" --zone Europe/Berlin --agent bot\n"
            "skein job create digest --after report:success --agent bot --dry-run",
            define_job_create},
    command{"job", "edit", "NAME", "Change some of a job's keys, from now on.",
            "skein job edit tidy --every 30m\nskein job edit tidy --unset catch-up,data",
            define_job_edit},
    command{"job", "delete", "NAME", "Delete a job and its records.", "skein job delete tidy --yes",
            define_job_delete},
    command{"job", "next", "NAME", "Show when a job is due, in its zone and in UTC.",
            "skein job next report --limit 20", define_job_next},
    command{"job", "history", "NAME", "Show what became of a job's instants, newest first.",
            "skein job history report", define_job_history},
    command{"job", "explain", "NAME", "Say why a job did or did not run at a time.",
            "skein job explain report --at 2026-08-17T09:00", define_job_explain},
    command{"job", "trigger", "NAME", "Run a job now, beside its schedule.",
            "skein job trigger report", define_job_trigger},
    command{"job", "backfill", "NAME", "Run a job for instants of the past.",
            "skein job backfill report --from 2026-08-01 --to 2026-08-07T23:59",
            define_job_backfill},
    command{"job", "pause", "NAME", "Let a job's instants pass until it is resumed.",
            "skein job pause report --why \"the source is down\"", define_job_pause},
    command{"job", "resume", "NAME", "Let a job run again.", "skein job resume report",
            define_job_resume},
    command{"job", "graph", "", "Show which jobs come after which.",
            "skein job graph\nskein job graph --dot | dot -Tsvg > jobs.svg", define_job_graph},
    command{"loop", "list", "", "List event loops with their shards, turns and processor time.",
            "skein loop list", define_loop_list},
    command{"node", "list", "", "List the nodes that share a store, with their shards.",
            "skein node list", define_node_list},
    command{"node", "describe", "NAME", "Show a node of a cluster.", "skein node describe n2",
            define_node_describe},
    command{"node", "drain", "NAME", "Let a node give its shards to the others, and stay up.",
            "skein node drain n2", define_node_drain},
    command{"node", "undrain", "NAME", "Let a drained node take part again.",
            "skein node undrain n2", define_node_undrain},
    command{"shard", "list", "", "List shards with the node that each has.",
            "skein shard list --node n2", define_shard_list},
    command{"cluster", "status", "", "Show the nodes of a cluster, and whether it is whole.",
            "skein cluster status", define_cluster_status},
    command{"cluster", "health", "", "Say whether every shard has a node; exit 6 if not.",
            "skein cluster health\nskein cluster health --nodes 3 --exit-when-healthy",
            define_cluster_health},
    command{"peer", "create", "", "Make the keys of a node's broker and print the public one.",
            "skein peer create --data ./skein-data", define_peer_create},
    command{"peer", "list", "", "List the other nodes: who may connect, and who is up.",
            "skein peer list\nskein peer list --data ./skein-data", define_peer_list},
    command{"peer", "allow", "NAME KEY", "Let another node connect, known by its public key.",
            "skein peer allow n2 'rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7'", define_peer_allow},
    command{"peer", "revoke", "NAME", "Let a node connect no more, and close its connections.",
            "skein peer revoke n2", define_peer_revoke},
    command{"journal", "verify", "", "Check all of a store: structure, checksums, chain, counts.",
            "skein journal verify --data ./skein-data", define_journal_verify},
    command{"journal", "dump", "", "Show what stands in a store, record by record.",
            "skein journal dump --event 17-42 --payload\nskein journal dump --commits 100..120 -o "
            "jsonl",
            define_journal_dump},
    command{
        "journal", "repair", "", "Show what a damaged store lost; with --yes, build it anew.",
        "skein journal repair --data ./skein-data\nskein journal repair --data ./skein-data --yes",
        define_journal_repair},
    command{"journal", "export", "", "Write a store's events and states as JSON Lines.",
            "skein journal export --out store.jsonl", define_journal_export},
    command{"journal", "import", "FILE", "Make a new store of an export.",
            "skein journal import store.jsonl --data ./new-data", define_journal_import},
    command{"backup", "create", "", "Copy a store into one file, also while a node runs on it.",
            "skein backup create --out monday.skein-backup", define_backup_create},
    command{"backup", "restore", "FILE", "Make a store of a backup, in a new folder.",
            "skein backup restore monday.skein-backup --data ./skein-data", define_backup_restore},
    command{"token", "create", "", "Make a token to use the API with; it is shown once.",
            "skein token create --role producer --name shop --expires 90d\n"
            "skein token create --role admin --config cluster.toml --node n1",
            define_token_create},
    command{"token", "list", "", "List tokens with their roles and when they were used last.",
            "skein token list", define_token_list},
    command{"token", "revoke", "NAME", "Make a token worthless, at once.",
            "skein token revoke shop", define_token_revoke},
    command{"audit", "list", "", "List what people changed, newest first.",
            "skein audit list --since -1h\nskein audit list --by shop -o jsonl", define_audit_list},
    command{"bench", "", "", "Measure what this machine can do for Skein, in half a minute.",
            "skein bench --data /var/lib", define_bench},
    command{"bundle", "", "", "Gather what helps to find a trouble into one file to give away.",
            "skein bundle --config cluster.toml --log skein.log\n"
            "journalctl -u skein | skein bundle --config /etc/skein/cluster.toml --log -",
            define_bundle},
    command{"config", "check", "FILE", "Check a configuration and report every mistake.",
            "skein config check cluster.toml", define_config_check},
    command{"config", "show", "[FILE]", "Show every setting in force and where it comes from.",
            "skein config show cluster.toml", define_config_show},
    command{"config", "diff", "OLD NEW", "Show what two configurations differ in.",
            "skein config diff cluster.toml new.toml --node n1", define_config_diff},
    command{"config", "describe", "", "Show which configuration a running node works by.",
            "skein config describe", define_config_describe},
    command{"config", "reload", "", "Let a running node take over its changed file.",
            "skein config reload --dry-run\nskein config reload --all", define_config_reload},
    command{"config", "rollback", "", "Let a running node go back to the configuration before.",
            "skein config rollback", define_config_rollback},
    command{"completion", "", "SHELL",
            "Print what completes commands in a shell: bash, zsh or fish.",
            "skein completion bash > ~/.local/share/bash-completion/completions/skein",
            define_completion},
    command{"complete", "", "[WORD...]", "Say what may stand at the end of a command line.",
            "skein complete -- event des", define_complete, true},
    command{"man", "", "[PAGE]", "Print a page of the manual in roff, or write all of them.",
            "skein man skein-job | man -l -\nskein man --out ./man", define_man, true},
    command{"version", "", "", "Show which Skein this is.", "skein version", define_version},
    command{"help", "", "[TOPIC...]",
            "Explain a command or a topic: exit-codes, errors, environment.",
            "skein help send\nskein help exit-codes", define_help},
};

} // namespace

std::span<const command> all_commands() { return table; }

std::string full_name(const command& which) {
  std::string name{which.noun};
  if (!which.verb.empty())
    name.append(1, ' ').append(which.verb);
  return name;
}

const command* find_command(std::string_view noun, std::string_view verb) {
  const auto at = std::find_if(table.begin(), table.end(), [&](const command& each) {
    return each.noun == noun && each.verb == verb;
  });
  return at == table.end() ? nullptr : &*at;
}

std::vector<std::string_view> verbs_of(std::string_view noun) {
  std::vector<std::string_view> verbs;
  for (const command& each : table)
    if (each.noun == noun && !each.verb.empty())
      verbs.push_back(each.verb);
  return verbs;
}

std::vector<std::string_view> all_nouns() {
  std::vector<std::string_view> nouns;
  for (const command& each : table)
    if (!each.hidden && std::find(nouns.begin(), nouns.end(), each.noun) == nouns.end())
      nouns.push_back(each.noun);
  return nouns;
}

} // namespace skein::cli
