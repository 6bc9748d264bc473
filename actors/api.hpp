// What a node offers to whoever stands outside of its actors: the HTTP server, the in-process
// producer of the benchmarks, tests. Every call may come from any thread and returns at once; the
// callback comes exactly once, on one of the engine's threads, and must not block.
#pragma once

#include "journal/journal.hpp"
#include "protocol/event.hpp"
#include "protocol/messages.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace skein {

/// What became of a publish. `code` none: every member is durable. Else the members tell: their
/// code is none (durable), identity_conflict, unknown_outcome, or why they were refused.
struct publish_reply {
  errc code = errc::none;
  std::string detail;
  duration retry_after{0}; // with draining, overloaded, disk_full, ...
  std::vector<publish_result> members;
};

/// Who asks for a change, as the record of it says.
struct caller {
  std::string who;  // a token's name, or "loopback"; empty: the node itself, of which none is made
  std::string from; // an address
};

class token_book;

/// The answer to a look-up or a command: a JSON body, or an error.
struct api_answer {
  errc code = errc::none;
  std::string body; // JSON; with an error, the detail
};

/// One message of the stream.
struct stream_message {
  std::string id;   // cursor: "<commit>.<index>.<store>"
  std::string name; // accepted | outcome | reset
  std::string data; // one line of JSON
};
/// Filters of a stream; empty = any. `type` may be a glob.
struct stream_filter {
  std::string key;
  std::string type;
  std::string after; // a cursor; "0.0" = all that is kept; empty = from now
};
/// What a reader of the stream says to messages.
enum class stream_taken : std::uint8_t {
  more, // it has room
  full, // it took them; no more of the past until resume()
  gone, // it has left or is too far behind: the subscription is over
};

class node_api {
 public:
  virtual ~node_api() = default;

  virtual const hash_settings& hash() const = 0;
  virtual const event_limits& event_bounds() const = 0;
  virtual instant now() const = 0;

  /// Offers events that `offer` (protocol/event.hpp) has checked. At most limits::batch_events_max.
  virtual void publish(std::vector<offered_event> events,
                       std::function<void(publish_reply)> done) = 0;

  /// Calls back with true once the event is terminal (at once if it is), false at the timeout, on
  /// drain or if there is no such event.
  virtual void await_event(event_id event, duration timeout, std::function<void(bool)> done) = 0;

  /// Look-ups and commands by name, with JSON arguments; docs/http-api.md lists them:
  ///   event.describe {"event":"17-42"}     event.list
  ///   {"source","id","key","type","state","agent","since","until","limit","after"} event.cancel
  ///   {"event"} dead.list {"agent","key","type","limit","after"} dead.show {"event"} agent.list,
  ///   agent.describe {"agent"} lane.list {"agent","limit","after"}  key.describe {"key"} loop.list
  ///   status config.describe token.list audit.list {"since","until","by","limit","after"}
  virtual void ask(std::string operation, std::string arguments_json,
                   std::function<void(api_answer)> done) = 0;
  /// The same for what changes something: a durable record of it (audit.list) is there before the
  /// answer. Beside the commands of jobs and events: token.create {"name","role","expires_in",
  /// "prefix","digest"}, token.revoke {"name"}, config.reload and config.rollback {"dry_run"}.
  virtual void act(caller by, std::string operation, std::string arguments_json,
                   std::function<void(api_answer)> done) = 0;
  /// Which tokens are valid; looked at with each request.
  virtual const token_book& tokens() const = 0;

  /// Messages arrive through `deliver` until unsubscribe. What is past is read only as fast as the
  /// reader takes it: it is never too far behind while `live` is false.
  using stream_sink =
      std::function<stream_taken(const std::vector<stream_message>& messages, bool live)>;
  virtual std::uint64_t subscribe(stream_filter filter, stream_sink deliver) = 0;
  /// The reader that said `full` has room again.
  virtual void resume(std::uint64_t subscription) = 0;
  virtual void unsubscribe(std::uint64_t subscription) = 0;

  /// none: it takes events. Else not_ready (starting), draining, store_refuses, store_stuck or
  /// why no new events are taken (disk_low).
  virtual errc readiness() const = 0;
  /// Prometheus text.
  virtual void metrics(std::function<void(std::string)> done) = 0;
};

} // namespace skein
