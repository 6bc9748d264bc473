// Every operating error of the system: a fixed number, a stable slug (the `code` of HTTP problems
// and of the CLI), a sentence. Numbers and slugs are never reused or changed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

enum class errc : std::uint16_t {
  none = 0,

  // 1xx: what was sent is wrong; sending it again unchanged will not help
  invalid_json = 100,
  invalid_event = 101, // an attribute is missing, of the wrong type or malformed
  too_large = 102,
  too_deep = 103,
  invalid_time = 104, // due, expires or time
  unsupported_media_type = 105,
  batch_too_large = 106,
  invalid_argument = 107,  // a query parameter or a command's argument
  identity_conflict = 108, // same identity, other content
  not_found = 109,
  method_not_allowed = 110,
  invalid_frame = 111,
  unsupported_version = 112,
  invalid_request = 113, // HTTP framing
  header_too_large = 114,
  forbidden_origin = 115,
  data_not_json = 116,
  too_many_deliveries = 117,
  state_conflict = 118, // the thing is no longer in the state the command needs
  invalid_config = 119,
  request_timeout = 120,
  too_many_emits = 121,
  state_too_large = 122,
  too_many_hops = 123,
  unauthorized = 124,  // no token, or one that is not valid
  forbidden = 125,     // its role does not allow this
  needs_restart = 126, // a change of the configuration that a running node cannot make

  // 2xx: not now
  draining = 200,
  overloaded = 201, // a queue is at its limit
  disk_full = 202,
  not_owner = 203, // the shard belongs to somebody else
  no_capacity = 204,
  dedupe_full = 205,
  timed_out = 206,
  not_ready = 207,
  port_in_use = 208,       // at start: another program listens there
  store_refuses = 209,     // readiness: the last commit was refused, nothing was written
  store_stuck = 210,       // readiness: a commit takes longer than it ever should
  disk_low = 211,          // less free space than the mark: no new events, the rest goes on
  clock_implausible = 212, // at start: too far from the last commit to be believed

  // 3xx: the store
  unknown_outcome = 300, // written, not known to be durable
  store_locked = 301,    // another process has it
  store_corrupt = 302,
  store_version = 303,  // made by a newer skein
  store_mismatch = 304, // another shard count or hash than configured
  io_error = 305,
  fenced = 306,            // an older epoch
  already_terminal = 307,  // it has ended before: whoever was first has won
  store_unsafe = 308,      // its folder or files are not the owner's alone
  store_gone = 309,        // a file of it was removed or replaced while it was open
  store_read_only = 310,   // its file system or a file of it takes no writes
  store_unfinished = 311,  // a restore or an import into its folder was stopped
  store_not_durable = 312, // at start: the database may lose what it has acknowledged
  store_unreachable = 313, // the database does not answer, nothing was written

  // 4xx: agents
  agent_failed = 400,
  agent_rejected = 401, // the agent said: do not try again
  agent_timeout = 402,
  agent_crashed = 403,
  agent_output_invalid = 404,
  agent_unknown = 405,

  internal = 900,
};

/// An error on its way: the code and what it was about, in a sentence a user can act on.
struct error {
  errc code = errc::none;
  std::string detail;

  friend bool operator==(const error&, const error&) = default;
};

std::string_view slug(errc code);            // "invalid-json"
std::string_view sentence(errc code);        // "The body is not valid JSON."
errc errc_from_number(std::uint16_t number); // internal if unknown
/// All codes, in order of number; for tests and the help pages.
const std::vector<errc>& all_errc();

/// "invalid-json: The body is not valid JSON. <detail>"
std::string to_string(const error& problem);

} // namespace skein
