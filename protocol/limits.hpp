// Every limit of the system with its unit. The asserts below hold them together.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace skein::limits {

// Events
/// Encoded, default of the configurable limit.
inline constexpr std::size_t event_bytes_max = 1 << 20;
inline constexpr std::size_t batch_events_max = 1'000;
inline constexpr std::size_t batch_bytes_max = 8 << 20;
inline constexpr std::size_t id_bytes_max = 512; // id, source, type, subject, key, agent name
inline constexpr std::size_t attribute_bytes_max = 4'096; // any other attribute
inline constexpr std::size_t attribute_name_bytes_max = 64;
inline constexpr std::size_t extensions_max = 32;
inline constexpr std::size_t json_depth_max = 32;
inline constexpr std::size_t deliveries_per_event_max = 16;
inline constexpr std::uint32_t hops_max = 64;

// Turns
inline constexpr std::size_t state_bytes_max = 256 << 10;
inline constexpr std::size_t emits_per_turn_max = 256;
inline constexpr std::size_t effects_bytes_max = 8 << 20; // reply, state and emits of a turn
inline constexpr std::chrono::hours sleep_max{366 * 24};  // of a delivery, at once
inline constexpr std::uint32_t sleeps_max = 100'000;      // of a delivery; each is a row
inline constexpr std::size_t reply_bytes_max = event_bytes_max;
inline constexpr std::size_t agent_line_bytes_max = 1 << 20;
inline constexpr std::size_t error_text_bytes_max = 4'096;
inline constexpr std::size_t agent_name_bytes_max = 64;

// Programs (exec agents)
/// Lines given to a program that it has not taken.
inline constexpr std::size_t program_unsent_bytes_max = 256 << 10;
inline constexpr std::size_t program_read_bytes = 256 << 10; // one read of what programs print
/// A longer line of standard error is cut.
inline constexpr std::size_t program_log_line_bytes_max = 4'096;
inline constexpr std::size_t program_last_words_bytes = 512; // standard error kept for error texts
inline constexpr std::uint32_t program_log_burst = 100;      // logged lines an agent at once
inline constexpr std::uint32_t program_log_rate = 20; // logged lines an agent and second after that
/// Before the other programs are looked at again.
inline constexpr std::uint32_t programs_started_at_once = 16;
inline constexpr std::chrono::milliseconds program_restart_first{100}; // doubles
inline constexpr std::chrono::seconds program_restart_max{30};
/// Programs that crash on turns without an answer are started again at once so many times, then at
/// this pace; each answer of the agent makes up for one.
inline constexpr std::uint32_t program_crashes_at_once = 32;
inline constexpr std::chrono::milliseconds program_crash_pace{100};
inline constexpr std::chrono::seconds program_proven_after{10}; // of life
/// Pipes closed but running, or the reverse.
inline constexpr std::chrono::milliseconds program_hangup_grace{500};
/// One SKEIN_ environment variable.
inline constexpr std::size_t program_variable_bytes_max = 64 << 10;
/// Files a program left beside its state, removed.
inline constexpr std::size_t program_scratch_entries_max = 64;

// HTTP
inline constexpr std::size_t http_header_bytes_max = 16 << 10;
inline constexpr std::size_t http_header_fields_max = 100;
inline constexpr std::chrono::seconds http_handshake_timeout{5}; // of TLS
inline constexpr std::chrono::seconds http_header_timeout{5};
inline constexpr std::chrono::seconds http_request_timeout{30};
inline constexpr std::chrono::seconds http_idle_timeout{30};
inline constexpr std::size_t http_body_rate_min = 500; // bytes a second
inline constexpr std::chrono::seconds http_wait_max{60};
inline constexpr std::size_t http_connections_max = 4'096;
inline constexpr std::size_t http_connections_reserved = 32; // for health, status and admin
inline constexpr std::size_t http_connections_per_ip_max = 2'048;
/// Bodies on their way in, of all connections.
inline constexpr std::size_t http_body_memory_max = 64 << 20;
inline constexpr std::size_t http_response_memory_max = 256 << 20; // bodies on their way out
inline constexpr std::size_t http_action_bytes_max = 64 << 10;     // body of a command
inline constexpr std::size_t http_document_bytes_max = 1 << 20;    // of one with a definition in it
inline constexpr std::size_t http_chunk_line_bytes_max = 256; // size and extensions of one chunk
inline constexpr std::size_t http_trailer_bytes_max = 4'096;
inline constexpr std::size_t http_query_arguments_max = 32;
inline constexpr std::chrono::seconds http_rate_grace{5}; // before http_body_rate_min is asked for
inline constexpr std::chrono::seconds http_linger{2};     // reading on after the last answer
inline constexpr std::chrono::milliseconds http_stop_grace{500};
inline constexpr std::size_t http_streams_max = 128;
inline constexpr std::size_t stream_backlog_bytes_max = 1 << 20;
/// Read for one reader before the next has its turn.
inline constexpr std::size_t stream_read_bytes = 256 << 10;
inline constexpr std::chrono::seconds stream_heartbeat{15};

// Frames between parts
inline constexpr std::size_t frame_bytes_max = 16 << 20;
inline constexpr std::size_t frame_members_max = 65'536;
inline constexpr std::size_t frame_depth_max = 32;
inline constexpr int broker_high_water = 4'096; // frames a direction and peer
inline constexpr std::size_t link_queue_frames_max = 8'192;
inline constexpr std::chrono::milliseconds resend_after{1'000};
inline constexpr std::size_t outcomes_bytes_max = 8 << 20; // effects in one frame of outcomes

// Brokers of other nodes
inline constexpr std::size_t peers_max = 256;
inline constexpr std::size_t peers_file_bytes_max = 64 << 10;
inline constexpr int peer_high_water = 1'000; // frames a direction and peer
/// Given to a peer's connection and not sent yet; more is "not sent".
inline constexpr std::size_t peer_unsent_bytes_max = 32 << 20;
/// Frames somewhat too large are refused by name; what is larger than this ends the connection.
inline constexpr std::size_t peer_message_bytes_max = frame_bytes_max + (1 << 20);
inline constexpr int peer_backlog = 128; // connections that wait to be taken
inline constexpr std::chrono::milliseconds peer_hello_every{1'000};
inline constexpr std::chrono::milliseconds peer_down_after{3'500};  // without a welcome
inline constexpr std::chrono::milliseconds peer_renew_after{5'000}; // of a connection that is down
inline constexpr std::chrono::milliseconds peer_heartbeat_every{1'000};
inline constexpr std::chrono::milliseconds peer_heartbeat_timeout{3'000};
inline constexpr std::chrono::milliseconds peer_handshake_max{5'000};
inline constexpr std::chrono::milliseconds peer_reconnect_first{100}; // doubles
inline constexpr std::chrono::milliseconds peer_reconnect_max{2'000};
inline constexpr std::chrono::milliseconds peer_list_looked_at{500}; // for changes of the file
inline constexpr std::chrono::seconds peer_log_pace{10};             // a line a peer and reason

// What is in flight
inline constexpr std::size_t gateway_events_max = 65'536; // offered, not yet acknowledged
inline constexpr std::size_t gateway_bytes_max = 64 << 20;
inline constexpr std::size_t loop_body_cache_bytes = 64 << 20;  // bodies kept in memory a loop
inline constexpr std::size_t loop_state_cache_bytes = 64 << 20; // states of busy keys, likewise
inline constexpr std::size_t loop_fetch_events = 1'024;         // bodies read back in one request
inline constexpr std::size_t loop_window_deliveries = 65'536;   // pending ones in memory
inline constexpr std::size_t loop_window_sleepers = 262'144;    // and those whose turn sleeps
inline constexpr std::size_t agent_window_min = 1'024;          // of them, for each agent
inline constexpr std::size_t lane_window_max = 4'096;           // of one lane
inline constexpr std::size_t window_fetch_rows = 2'048;         // read into it in one request
inline constexpr std::chrono::seconds timers_ahead{2};          // known before they are due
/// A row that the disk does not give is asked for so often, a second apart; then its event waits.
inline constexpr std::size_t unread_tries = 10;
inline constexpr std::size_t pipeline_depth = 64; // turns in flight a lane of a pure agent
inline constexpr std::size_t commit_operations_max = 8'192; // of one transaction
inline constexpr std::size_t dispatch_batch_turns = 1'024;  // turns in one frame
inline constexpr std::size_t store_probes_max = 64; // submitted at once to a store that refuses
/// Refused outcomes a loop; then nothing starts.
inline constexpr std::size_t deferred_operations_max = 1'024;
inline constexpr std::size_t deferred_bytes_max = 64 << 20;   // likewise
inline constexpr std::chrono::seconds refused_again_after{1}; // then they are submitted again

// Journal
inline constexpr std::uint32_t shards_max = 65'536;            // of a store
inline constexpr std::size_t agents_max = 65'535;              // names that a store ever knew
inline constexpr std::size_t journal_page_bytes = 8'192;       // of the SQLite file
inline constexpr std::size_t journal_cache_bytes = 10 << 20;   // pages the writer keeps
inline constexpr std::size_t journal_wal_bytes = 8 << 20;      // then a checkpoint: about 20 ms
inline constexpr std::chrono::seconds journal_busy_timeout{2}; // another program's lock
/// For readers, by a checkpoint of a log that is far too large.
inline constexpr std::chrono::milliseconds journal_reader_patience{10};
inline constexpr std::uint64_t range_events = 262'144; // sequences of a range
/// Of saved ranges in one upkeep, or one range.
inline constexpr std::size_t range_save_bytes = 1 << 20;
inline constexpr std::size_t retention_step_events = 2'048;            // dropped in one upkeep
inline constexpr std::chrono::microseconds retention_step_time{5'000}; // or with one commit
/// So many events come in before a step of retention goes along with a commit: its pages are then
/// about as many as the commit's rows take.
inline constexpr std::size_t retention_join_events = 512;
inline constexpr std::chrono::seconds retention_patience{10}; // with an event that goes soon
/// Behind by more, and by more than a quarter of the retention time, it gets more of the time.
inline constexpr std::chrono::minutes retention_lag{1};
inline constexpr std::size_t retention_joined_events = 8'192; // dropped with one commit
inline constexpr std::size_t retention_stride_events = 256;   // between two looks at the clock
/// Payloads and replies dropped between two looks at the clock, or of one event; smaller payloads
/// than the second are not looked at.
inline constexpr std::size_t retention_stride_bytes = 4 << 20;
inline constexpr std::size_t retention_small_bytes = 16 << 10;
/// Likewise, of commits: their lists of identities and outcomes.
inline constexpr std::size_t retention_commit_bytes = 256 << 10;
/// After trouble with reading what is old.
inline constexpr std::chrono::minutes retention_again_after{10};
inline constexpr std::uint64_t retention_bytes = std::uint64_t{10} << 30; // of a store, default
/// Default of the configurable limit: identities of the dedupe window, 39 bytes on disk each.
inline constexpr std::size_t dedupe_identities_max = 64'000'000;
inline constexpr std::size_t dedupe_bucket_identities = 1 << 20; // then they go into a file
/// Not in a file yet, about 50 bytes each: the open bucket, the one that is being written, one more
/// that waits for it.
inline constexpr std::size_t dedupe_memory_identities_max = 3 * dedupe_bucket_identities;

// Look-ups
inline constexpr std::size_t page_rows_default = 50;
inline constexpr std::size_t page_rows_max = 1'000;
inline constexpr std::size_t scan_budget_rows = 200'000;
inline constexpr std::size_t timer_page_rows = 32'768;
inline constexpr std::size_t lookup_block_entries = 256; // of the index by key and id, about
inline constexpr std::size_t lookup_blocks_a_step = 128; // written in one go
/// Of each range of a group, read in one go, with 16 blocks of a summary written for each.
inline constexpr std::size_t lookup_summary_blocks_a_step = 16;
inline constexpr std::size_t lookup_summary_blocks_a_drop = 1'024; // dropped in one go
inline constexpr std::size_t lookup_rows_a_step = 2'048;   // read in one go, for a range without
inline constexpr std::size_t lookup_ranges_in_memory = 8;  // of 4 MiB each
inline constexpr std::size_t lookup_matches_at_once = 512; // taken from memory
inline constexpr std::size_t lane_walks_max = 2;           // requests that walk the lanes at once
/// Then the status shows the last known ones.
inline constexpr std::chrono::seconds status_facts_within{1};
/// Then the node is not ready: store-stuck.
inline constexpr std::chrono::seconds commit_stuck_after{5};

// Time
inline constexpr std::chrono::hours dedupe_window{24};
inline constexpr std::chrono::hours retention{7 * 24};
inline constexpr std::chrono::seconds drain_deadline{25};
inline constexpr std::chrono::seconds cancel_grace{2};    // told -> terminated
inline constexpr std::chrono::seconds terminate_grace{3}; // terminated -> killed

// Jobs
inline constexpr std::chrono::seconds job_period_min{1};
inline constexpr std::chrono::hours job_period_max{366 * 24};
inline constexpr std::chrono::hours job_catch_up_max{366 * 24}; // how late an instant may run
inline constexpr std::size_t job_upstreams_max = 64;
inline constexpr std::size_t job_data_bytes_max = 128 << 10;
inline constexpr std::size_t jobs_max = 10'000;
inline constexpr std::size_t job_queue_max = 1'000; // instants that wait for a run to end
inline constexpr std::uint32_t job_catch_up_runs_max = job_queue_max; // of what was missed
inline constexpr std::size_t job_running_max = 1'000;                 // runs of one job at once
inline constexpr std::uint64_t job_records_max = 10'000;              // of each job, the newest
inline constexpr std::size_t job_note_bytes_max = 256;                // who asked, and why
inline constexpr std::size_t job_changes_max = 20;            // of a definition that are told
inline constexpr std::size_t job_output_bytes_max = 64 << 10; // handed on to a job behind it
inline constexpr std::size_t job_waiting_bytes_max = 256
                                                     << 10; // of a job, what waits for runs to end
inline constexpr std::size_t job_waiting_replies_max =
    job_waiting_bytes_max / 2; // then without them
/// Instants of one job that are walked in one step; then others have their turn.
inline constexpr std::size_t job_instants_a_step = 20'000;
inline constexpr std::size_t job_instants_a_commit = 50'000; // of all jobs
/// Records that are removed in one commit, but for those of one job.
inline constexpr std::size_t job_removals_a_commit = 10'000;
/// An instant that is no later runs as if it were in time.
inline constexpr std::chrono::seconds job_on_time_min{1};
inline constexpr std::chrono::seconds job_on_time_max{10};
inline constexpr std::chrono::hours job_late_max{1}; // that one runs nevertheless, by default
/// Unclean ends within this time after which nothing is caught up.
inline constexpr std::size_t job_breaker_crashes = 3;
inline constexpr std::chrono::minutes job_breaker_time{10};

// Several nodes: who owns which shard
inline constexpr std::chrono::milliseconds lease_ttl{2'000}; // of shards and members
/// What is done under a lease ends so much earlier: a commit may be under way.
inline constexpr std::chrono::milliseconds lease_margin{300};
inline constexpr std::chrono::milliseconds lease_beat{400}; // between two renewals
/// A shard that is to go waits so long for what runs; then it goes on, and is tried again.
inline constexpr std::chrono::seconds leave_patience{2};
/// Events of a shard that nobody has wait so long at the door: longer than a takeover takes.
inline constexpr std::chrono::seconds ownerless_within{10};
inline constexpr std::uint32_t outbox_turns_max = 256; // events on their way to other nodes at once
inline constexpr std::uint32_t leave_tries = 5;        // then what runs is stopped
inline constexpr std::size_t leaving_shards_max = 32;  // at once

// Access
inline constexpr std::size_t tokens_max = 1'000;
inline constexpr std::chrono::hours token_life_max{10 * 366 * 24};
inline constexpr std::chrono::minutes token_use_told{1};   // how exactly its last use is kept
inline constexpr std::size_t audit_text_bytes_max = 1'024; // of one argument in a record
inline constexpr std::size_t access_commands_max = 1'000;  // of tokens, that wait for a commit
inline constexpr std::size_t audit_notes_max = 10'000;     // that wait for the store; then logged
inline constexpr std::size_t audit_records_a_step = 1'000; // dropped in one commit

// The operator's side
inline constexpr std::size_t log_value_bytes_max = 1'024; // of a sentence or a field of the log
inline constexpr std::size_t config_file_bytes_max = 1 << 20;
inline constexpr std::size_t cli_answer_bytes_max = 64 << 20; // body that the command line reads

static_assert(2 * lease_beat + lease_margin < lease_ttl, "one lost renewal costs nothing");
static_assert(dedupe_window <= retention);
static_assert(event_bytes_max <= batch_bytes_max);
static_assert(batch_bytes_max < frame_bytes_max, "a legal batch fits one frame");
static_assert(frame_bytes_max <= peer_unsent_bytes_max, "a legal frame can be sent");
static_assert(2 * peer_hello_every < peer_down_after, "one lost welcome is no failure");
static_assert(peer_list_looked_at < std::chrono::seconds{1}, "revoking closes within a second");
static_assert(program_restart_first < program_restart_max);
static_assert(cancel_grace + terminate_grace < drain_deadline, "programs end within a drain");
static_assert(batch_events_max <= gateway_events_max);
static_assert(batch_bytes_max <= gateway_bytes_max);
static_assert(state_bytes_max + event_bytes_max < frame_bytes_max, "a turn fits one frame");
static_assert(effects_bytes_max <= outcomes_bytes_max);
static_assert(outcomes_bytes_max < frame_bytes_max, "a turn's effects fit one frame");
static_assert(stream_backlog_bytes_max <= batch_bytes_max);
static_assert(2 * stream_read_bytes <= stream_backlog_bytes_max,
              "history never makes a reader a lagging one");
static_assert(batch_bytes_max <= http_body_memory_max, "the largest legal body has room");
static_assert(http_connections_reserved < http_connections_max);
static_assert(http_trailer_bytes_max <= http_header_bytes_max);
static_assert(job_catch_up_runs_max < job_instants_a_step, "a step has what may be caught up");
static_assert(job_data_bytes_max < state_bytes_max, "a definition is a state");
static_assert((range_events & (range_events - 1)) == 0, "a range's blocks are a power of two");

} // namespace skein::limits
