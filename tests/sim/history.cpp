#include "tests/sim/history.hpp"

#include <fmt/format.h>

namespace skein::test {

namespace {

std::string label(const delivery_id& id) {
  return fmt::format("{}#{}", skein::to_string(id.event), id.index);
}
std::string label(const turn_id& id) {
  return fmt::format("{}/{}", label(id.delivery), id.attempt);
}

struct teller {
  std::string operator()(const booted& what) const {
    return what.unclean ? "boot after an unclean stop" : "boot";
  }
  std::string operator()(const crashed&) const { return "crash"; }
  std::string operator()(const drain_began&) const { return "signal"; }
  std::string operator()(const drain_ended& what) const {
    return fmt::format("drained, code {}", what.code);
  }
  std::string operator()(const offered& what) const {
    std::string text = fmt::format("request {} offers", what.request);
    for (const offered_member& each : what.members)
      text += fmt::format(" {:08x}:{:08x}", each.identity.low >> 32, each.content >> 32);
    return text;
  }
  std::string operator()(const answered& what) const {
    std::string text = fmt::format("request {} is answered", what.request);
    for (const publish_result& each : what.members)
      text += each.code == errc::none ? fmt::format(" {}{}", skein::to_string(each.event),
                                                    each.duplicate ? " (again)" : "")
                                      : fmt::format(" {}", slug(each.code));
    return text;
  }
  std::string operator()(const cancel_asked& what) const {
    return fmt::format("request {} cancels {}", what.request, skein::to_string(what.event));
  }
  std::string operator()(const cancel_answered& what) const {
    return fmt::format("request {}: {}", what.request,
                       what.code == errc::none ? "cancelled" : slug(what.code));
  }
  std::string operator()(const accepted& what) const {
    return fmt::format("stored {} {:08x} key {} for {} agents{}{}{}", skein::to_string(what.event),
                       what.what.identity.low >> 32, what.key, what.agents.size(),
                       what.due != no_instant ? " due " + format_rfc3339(what.due) : "",
                       what.expires != no_instant ? " expires " + format_rfc3339(what.expires) : "",
                       what.cause ? " emitted by " + label(*what.cause) : "");
  }
  std::string operator()(const finished& what) const {
    return fmt::format("{} {} {}, attempt {}, {} emits{}", what.refused ? "refused:" : "stored",
                       label(what.delivery), skein::to_string(what.state), what.attempt,
                       what.emits.size(),
                       what.code == errc::none ? "" : fmt::format(", {}", slug(what.code)));
  }
  std::string operator()(const attempt_failed& what) const {
    return fmt::format("stored {}/{} {}, again at {}{}", label(what.delivery), what.attempt,
                       what.slept ? "slept" : "failed", format_rfc3339(what.next_due),
                       what.kept ? ", state " + *what.kept : "");
  }
  std::string operator()(const start_marked& what) const {
    return fmt::format("stored start of {}{}", label(what.delivery), what.alone ? " alone" : "");
  }
  std::string operator()(const jobs_kept& what) const {
    std::string text = fmt::format("jobs keep, {} events", what.events);
    for (const auto& [job, each] : what.records)
      text += fmt::format("; {} {} {} to {} x{} {}", job, to_text(each.kind),
                          format_rfc3339(each.from), format_rfc3339(each.to), each.count, each.why);
    for (const std::string& job : what.idle)
      text += fmt::format("; {} waits", job);
    return text;
  }
  std::string operator()(const job_stands& what) const {
    return fmt::format("job {} stands at {}", what.job, format_rfc3339(what.through));
  }
  std::string operator()(const commit_failed& what) const {
    return fmt::format("commit: {}", slug(what.code));
  }
  std::string operator()(const kept_up& what) const {
    return fmt::format("upkeep at {}", format_rfc3339(what.at));
  }
  std::string operator()(const ledgers_read& what) const {
    return fmt::format("ledger: {} events, {} pending; {} deliveries, {} pending",
                       what.events.accepted, what.events.pending, what.deliveries.accepted,
                       what.deliveries.pending);
  }
  std::string operator()(const found_event& what) const {
    std::string text = fmt::format("read back {}", skein::to_string(what.event));
    for (const delivery_state each : what.states)
      text += fmt::format(" {}", skein::to_string(each));
    return text;
  }
  std::string operator()(const turn_started& what) const {
    return fmt::format("turn {} of agent {} starts", label(what.turn), raw(what.agent));
  }
  std::string operator()(const turn_ended& what) const {
    return fmt::format("turn {} of agent {} ends, verdict {}", label(what.turn), raw(what.agent),
                       static_cast<int>(what.verdict));
  }
  std::string operator()(const settled&) const { return "settled"; }
};

} // namespace

std::string to_string(const record& each) {
  const double seconds =
      std::chrono::duration<double>(each.at.boot.time_since_epoch() - std::chrono::hours{1})
          .count();
  return fmt::format("{:11.6f} {} {}", seconds, format_rfc3339(each.at.wall),
                     std::visit(teller{}, each.what));
}

} // namespace skein::test
