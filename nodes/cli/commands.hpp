// What each command's file gives to the table.
#pragma once

#include "nodes/cli/command.hpp"

namespace skein::cli {

handler define_dev(CLI::App& app);
handler define_start(CLI::App& app);
handler define_demo(CLI::App& app);
handler define_send(CLI::App& app);
handler define_status(CLI::App& app);
handler define_event_list(CLI::App& app);
handler define_event_describe(CLI::App& app);
handler define_event_cancel(CLI::App& app);
handler define_key_list(CLI::App& app);
handler define_key_describe(CLI::App& app);
handler define_dead_list(CLI::App& app);
handler define_dead_show(CLI::App& app);
handler define_agent_list(CLI::App& app);
handler define_agent_describe(CLI::App& app);
handler define_job_list(CLI::App& app);
handler define_job_describe(CLI::App& app);
handler define_job_create(CLI::App& app);
handler define_job_edit(CLI::App& app);
handler define_job_delete(CLI::App& app);
handler define_job_next(CLI::App& app);
handler define_job_history(CLI::App& app);
handler define_job_explain(CLI::App& app);
handler define_job_trigger(CLI::App& app);
handler define_job_backfill(CLI::App& app);
handler define_job_pause(CLI::App& app);
handler define_job_resume(CLI::App& app);
handler define_job_graph(CLI::App& app);
handler define_loop_list(CLI::App& app);
handler define_node_list(CLI::App& app);
handler define_node_describe(CLI::App& app);
handler define_node_drain(CLI::App& app);
handler define_node_undrain(CLI::App& app);
handler define_shard_list(CLI::App& app);
handler define_cluster_status(CLI::App& app);
handler define_cluster_health(CLI::App& app);
handler define_peer_create(CLI::App& app);
handler define_peer_list(CLI::App& app);
handler define_peer_allow(CLI::App& app);
handler define_peer_revoke(CLI::App& app);
handler define_journal_verify(CLI::App& app);
handler define_bench(CLI::App& app);
handler define_journal_dump(CLI::App& app);
handler define_journal_repair(CLI::App& app);
handler define_journal_export(CLI::App& app);
handler define_journal_import(CLI::App& app);
handler define_backup_create(CLI::App& app);
handler define_backup_restore(CLI::App& app);
handler define_token_create(CLI::App& app);
handler define_token_list(CLI::App& app);
handler define_token_revoke(CLI::App& app);
handler define_audit_list(CLI::App& app);
handler define_completion(CLI::App& app);
handler define_man(CLI::App& app);
handler define_complete(CLI::App& app);
handler define_config_check(CLI::App& app);
handler define_config_show(CLI::App& app);
handler define_config_diff(CLI::App& app);
handler define_config_describe(CLI::App& app);
handler define_config_reload(CLI::App& app);
handler define_config_rollback(CLI::App& app);
handler define_version(CLI::App& app);
handler define_help(CLI::App& app);

} // namespace skein::cli
