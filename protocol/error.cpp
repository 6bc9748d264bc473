#include "protocol/error.hpp"

#include <algorithm>
#include <array>

namespace skein {

namespace {

struct row {
  errc code;
  std::string_view slug;
  std::string_view sentence;
};

// In order of number. A row is never changed in its number or slug, and never removed.
constexpr std::array rows{
    row{errc::none, "none", "No error."},

    row{errc::invalid_json, "invalid-json", "The text is not valid JSON."},
    row{errc::invalid_event, "invalid-event", "The event is not a valid CloudEvent."},
    row{errc::too_large, "too-large", "Something is larger than its limit."},
    row{errc::too_deep, "too-deep", "The value is nested too deeply."},
    row{errc::invalid_time, "invalid-time", "A time is not what it must be."},
    row{errc::unsupported_media_type, "unsupported-media-type",
        "The content type is not one that is accepted here."},
    row{errc::batch_too_large, "batch-too-large", "The batch has more members than its limit."},
    row{errc::invalid_argument, "invalid-argument", "An argument is missing or has a wrong value."},
    row{errc::identity_conflict, "identity-conflict",
        "An event with the same key, source and id but other content was accepted before."},
    row{errc::not_found, "not-found", "There is nothing of that name."},
    row{errc::method_not_allowed, "method-not-allowed", "The method is not allowed here."},
    row{errc::invalid_frame, "invalid-frame", "A frame between parts is malformed."},
    row{errc::unsupported_version, "unsupported-version",
        "The protocol version is not one that is spoken here."},
    row{errc::invalid_request, "invalid-request", "The HTTP request is malformed."},
    row{errc::header_too_large, "header-too-large", "The HTTP header is larger than its limit."},
    row{errc::forbidden_origin, "forbidden-origin",
        "The Host or Origin of the request is not one that is allowed."},
    row{errc::data_not_json, "data-not-json", "The data is not the JSON its content type claims."},
    row{errc::too_many_deliveries, "too-many-deliveries",
        "The routes give the event to more agents than an event may have."},
    row{errc::state_conflict, "state-conflict", "Its present state does not allow this."},
    row{errc::invalid_config, "invalid-config", "The configuration is not valid."},
    row{errc::request_timeout, "request-timeout", "The request did not arrive in time."},
    row{errc::too_many_emits, "too-many-emits", "The turn emits more events than a turn may."},
    row{errc::state_too_large, "state-too-large", "The state is larger than its limit."},
    row{errc::too_many_hops, "too-many-hops",
        "The event comes from a longer chain of emitted events than is allowed."},
    row{errc::unauthorized, "unauthorized", "The access token is missing or not valid."},
    row{errc::forbidden, "forbidden", "The role of the access token does not allow this."},

    row{errc::needs_restart, "needs-restart",
        "A running node cannot take over this change of its configuration."},
    row{errc::draining, "draining", "The node is shutting down and takes nothing new."},
    row{errc::overloaded, "overloaded", "A queue is at its limit; try again later."},
    row{errc::disk_full, "disk-full", "The disk has too little free space."},
    row{errc::not_owner, "not-owner", "The shard belongs to another owner."},
    row{errc::no_capacity, "no-capacity", "There is no room for this now; try again later."},
    row{errc::dedupe_full, "dedupe-full", "The window that finds duplicates is full."},
    row{errc::timed_out, "timed-out", "The time for this is up."},
    row{errc::not_ready, "not-ready", "The node is not ready yet."},
    row{errc::port_in_use, "port-in-use", "Another program listens on this address and port."},
    row{errc::store_refuses, "store-refuses", "The store takes nothing at the moment."},
    row{errc::store_stuck, "store-stuck", "A commit takes longer than it ever should."},
    row{errc::disk_low, "disk-low",
        "The disk has less free space than is kept for the work that was taken already."},
    row{errc::clock_implausible, "clock-implausible",
        "The clock is too far from the store's time to be believed."},

    row{errc::unknown_outcome, "unknown",
        "It was written, but whether it is durable is unknown; send it again with the same id."},
    row{errc::store_locked, "store-locked", "Another process has the store open."},
    row{errc::store_corrupt, "store-corrupt", "The store is damaged."},
    row{errc::store_version, "store-version", "The store was made by a newer version."},
    row{errc::store_mismatch, "store-mismatch",
        "The store was made with other settings than the configured ones."},
    row{errc::io_error, "io-error", "Reading or writing failed."},
    row{errc::fenced, "fenced", "The shard has a newer owner."},
    row{errc::already_terminal, "already-terminal", "It has already ended."},
    row{errc::store_unsafe, "store-unsafe",
        "The data folder or a file in it is open to others or is not what it must be."},
    row{errc::store_gone, "store-gone",
        "A file of the store was removed, replaced or moved while it was open."},
    row{errc::store_read_only, "store-read-only",
        "The store's file system, or a file of it, takes no writes."},
    row{errc::store_unfinished, "store-unfinished",
        "A restore or an import into the folder was stopped before its end."},
    row{errc::store_not_durable, "store-not-durable",
        "The database is set up so that it may lose what it has acknowledged."},
    row{errc::store_unreachable, "store-unreachable",
        "The database does not answer; nothing was written."},

    row{errc::agent_failed, "agent-failed", "The agent failed."},
    row{errc::agent_rejected, "agent-rejected", "The agent rejected the event for good."},
    row{errc::agent_timeout, "agent-timeout", "The agent did not answer in time."},
    row{errc::agent_crashed, "agent-crashed", "The agent ended while it was running the turn."},
    row{errc::agent_output_invalid, "agent-output-invalid",
        "What the agent answered is not valid."},
    row{errc::agent_unknown, "agent-unknown", "No agent has that name."},

    row{errc::internal, "internal", "Something went wrong inside Skein."},
};

constexpr bool by_number(const row& a, const row& b) { return a.code < b.code; }
static_assert(std::is_sorted(rows.begin(), rows.end(), by_number));

const row* find(errc code) {
  const auto at = std::lower_bound(rows.begin(), rows.end(), row{code, {}, {}}, by_number);
  return at != rows.end() && at->code == code ? &*at : nullptr;
}

const row& row_of(errc code) {
  const row* found = find(code);
  return found != nullptr ? *found : rows.back();
}

} // namespace

std::string_view slug(errc code) { return row_of(code).slug; }

std::string_view sentence(errc code) { return row_of(code).sentence; }

errc errc_from_number(std::uint16_t number) { return row_of(errc{number}).code; }

const std::vector<errc>& all_errc() {
  static const std::vector<errc> codes = [] {
    std::vector<errc> list;
    list.reserve(rows.size());
    for (const row& each : rows)
      list.push_back(each.code);
    return list;
  }();
  return codes;
}

std::string to_string(const error& problem) {
  std::string text{slug(problem.code)};
  text.append(": ").append(sentence(problem.code));
  if (!problem.detail.empty())
    text.append(" ").append(problem.detail);
  return text;
}

} // namespace skein
