#include "tests/sim/rare_things.hpp"

#include "tests/sim/simulation.hpp"

#include <set>

namespace skein::test {

namespace {

struct watcher {
  std::map<std::string, std::uint64_t>& seen;
  std::uint32_t life = 0;
  std::map<delivery_id, std::uint32_t> failed_in{};
  std::map<delivery_id, std::uint32_t> slept_in{};
  std::map<delivery_id, std::uint32_t> started_in{};
  std::map<delivery_id, agent_no> running{};
  std::map<event_id, std::uint32_t> stored_in{};

  void operator()(const booted&) {
    ++life;
    running.clear();
  }
  void operator()(const answered& what) {
    for (const publish_result& each : what.members) {
      if (each.duplicate)
        ++seen[stored_in[each.event] == life ? "duplicate answered"
                                             : "duplicate answered after a restart"];
      else if (each.code != errc::none)
        ++seen["answered " + std::string{slug(each.code)}];
    }
  }
  void operator()(const cancel_answered& what) {
    ++seen[what.code == errc::none               ? "cancel wins"
           : what.code == errc::already_terminal ? "cancel loses"
                                                 : "cancel without answer"];
  }
  void operator()(const accepted& what) {
    stored_in[what.event] = life;
    if (what.agents.size() > 1)
      ++seen["two deliveries"];
  }
  void operator()(const finished& what) {
    if (what.refused)
      ++seen["emit conflict"];
    const bool ran = running.contains(what.delivery);
    if (what.state == delivery_state::expired)
      ++seen[ran ? "expiry of a running turn" : "expiry while waiting"];
    if (slept_in.contains(what.delivery))
      ++seen[what.state == delivery_state::cancelled ? "cancel of who sleeps"
                                                     : "expiry of who sleeps"];
    if (what.state == delivery_state::cancelled && ran)
      ++seen["cancel of a running turn"];
    if (what.state == delivery_state::dead)
      ++seen["dead: " + std::string{slug(what.code)}];
    if (what.state == delivery_state::done && !what.emits.empty())
      ++seen["emits committed"];
  }
  void operator()(const attempt_failed& what) {
    (what.slept ? slept_in : failed_in)[what.delivery] = life;
    (what.slept ? failed_in : slept_in).erase(what.delivery);
    ++seen[what.slept ? "sleep" : "attempt failed"];
    if (what.slept && what.kept)
      ++seen["sleep with state"];
  }
  void operator()(const start_marked& what) {
    ++seen[what.alone ? "accused restart" : "suspect restart"];
  }
  void operator()(const turn_started& what) {
    const delivery_id id = what.turn.delivery;
    if (const auto before = failed_in.find(id); before != failed_in.end() && before->second < life)
      ++seen["retry after a restart"];
    if (const auto before = started_in.find(id);
        before != started_in.end() && before->second < life)
      ++seen["turn again after a restart"];
    if (const auto before = slept_in.find(id); before != slept_in.end())
      ++seen[before->second < life ? "goes on after a sleep and a restart"
                                   : "goes on after a sleep"];
    slept_in.erase(id);
    started_in[id] = life;
    running[id] = what.agent;
  }
  void operator()(const turn_ended& what) {
    running.erase(what.turn.delivery);
    if (what.verdict == turn_verdict::returned)
      ++seen["turn stopped"];
  }
  void operator()(const crashed&) { ++seen["crash"]; }
  template <class Other>
  void operator()(const Other&) {}
};

} // namespace

void note_rare_things(const history& of, std::map<std::string, std::uint64_t>& seen) {
  watcher each{seen};
  for (const record& one : of.records)
    std::visit(each, one.what);
}

const std::vector<std::string>& rare_things() {
  static const std::vector<std::string> all{"crash",
                                            "power cut under SQLite",
                                            "start with identities in files",
                                            "commit in doubt",
                                            "power cut in upkeep",
                                            "events dropped by retention",
                                            "start after retention",
                                            "start of SQLite after retention",
                                            "disk full",
                                            "clock set back",
                                            "clock set forward",
                                            "configuration changed",
                                            "agent taken out of the configuration",
                                            "change of the configuration refused",
                                            "drain in time",
                                            "drain overrun",
                                            "drain-hastened",
                                            "poison ran",
                                            "bodies read for turns",
                                            "frame dropped",
                                            "frame refused",
                                            "frame duplicated",
                                            "resend publish",
                                            "resend dispatch",
                                            "resend outcomes",
                                            "resend cancel_turns",
                                            "duplicate answered",
                                            "duplicate answered after a restart",
                                            "answered identity-conflict",
                                            "answered disk-full",
                                            "answered draining",
                                            "answered unknown",
                                            "unrouted",
                                            "two deliveries",
                                            "emits committed",
                                            "emit to another loop",
                                            "emit conflict",
                                            "emit meets a full window",
                                            "answered dedupe-full",
                                            "cancel wins",
                                            "cancel loses",
                                            "cancel of a running turn",
                                            "expiry of a running turn",
                                            "expiry while waiting",
                                            "attempt failed",
                                            "retry after a restart",
                                            "sleep",
                                            "sleep with state",
                                            "goes on after a sleep",
                                            "goes on after a sleep and a restart",
                                            "cancel of who sleeps",
                                            "expiry of who sleeps",
                                            "turn again after a restart",
                                            "turn stopped",
                                            "suspect restart",
                                            "accused restart",
                                            "dead: agent-crashed",
                                            "dead: agent-failed",
                                            "dead: agent-rejected",
                                            "dead: agent-timeout",
                                            "dead: identity-conflict"};
  return all;
}

} // namespace skein::test
