// The play: commands that break something, and those that mend it.
#include "nodes/demo/collect.hpp"
#include "nodes/demo/play.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace skein::demo {

namespace {

constexpr std::chrono::seconds taken_over_within{20};
constexpr std::chrono::seconds settled_within{30};
constexpr std::chrono::milliseconds look_every{50};
/// What was acknowledged shortly before something broke is what could be lost by it.
constexpr std::chrono::seconds at_risk{10};
constexpr std::chrono::seconds acceptance_margin{30}; // accepted so long before its acknowledgement

std::string names_text(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, " and "));
}

std::string shards_text(std::uint32_t count) {
  return fmt::format("{} shard{}", count, count == 1 ? "" : "s");
}

} // namespace

// ---- what is seen then --------------------------------------------------------------------------

std::vector<std::string> play::parts() const {
  std::vector<std::string> names;
  for (const auto& [name, node] : stage_.nodes())
    if (node.process && !node.paused && !node.drained && !stage_.network().is_cut_from_store(name))
      names.push_back(name);
  return names;
}

result<void> play::must_run(const std::string& name) const {
  if (stage_.nodes().at(name).process)
    return {};
  return error{errc::state_conflict,
               fmt::format("{} does not run; start it with: restart {}", name, name)};
}

/// Of events acknowledged since shortly before, how many are not there.
std::string play::lost_lately(time since) {
  const auto acknowledged = load_.acknowledged_since(since - at_risk);
  const auto back = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                            since + at_risk + acceptance_margin);
  const auto stored = events_of(stage_, load_.source(), back);
  if (!stored)
    return "what was acknowledged cannot be looked up just now";
  return fmt::format("{} of the {} events acknowledged since {} before are lost",
                     grouped(lost(acknowledged, *stored).size()), grouped(acknowledged.size()),
                     seconds_text(at_risk));
}

result<void> play::tell_takeover(const std::vector<std::string>& names, std::uint32_t had,
                                 time since, const std::string& of_whom) {
  if (parts().empty()) {
    told_.say("nobody",
              fmt::format("no node is left that could take over; {} wait", shards_text(had)));
    return {};
  }
  const auto is_taken = [&] {
    const auto view = stage_.look();
    return view && view->unowned == 0 &&
           std::all_of(names.begin(), names.end(),
                       [&](const std::string& each) { return view->shards_of(each) == 0; });
  };
  if (!waits_.until(is_taken, taken_over_within, look_every))
    return waits_.interrupted()
               ? result<void>{}
               : error{errc::timed_out,
                       fmt::format("the shards of {} have no other node after {}; see `status`",
                                   names_text(names), seconds_text(taken_over_within))};
  const duration took = std::chrono::steady_clock::now() - since;
  told_.say("taken-over",
            fmt::format("{}; {} {} were taken over after {}; {}", of_whom,
                        names.size() > 1 ? "their" : "its", shards_text(had), seconds_text(took),
                        lost_lately(since)),
            {{"nodes", names},
             {"shards", had},
             {"after_s", std::chrono::duration<double>(took).count()}});
  return {};
}

result<void> play::settle(time since, const std::string& what) {
  const auto wanted = parts();
  // All of them must see it so: the first answer behind a cut may be one of long before.
  const auto sees_it_even = [&](const std::string& name) {
    const auto view = stage_.look_at(name);
    if (!view || view->unowned != 0)
      return false;
    const auto least = static_cast<std::uint32_t>(view->shards / wanted.size());
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& each) {
      return view->shards_of(each) == least || view->shards_of(each) == least + 1;
    });
  };
  if (wanted.empty())
    return {};
  const auto is_even = [&] { return std::all_of(wanted.begin(), wanted.end(), sees_it_even); };
  if (!waits_.until(is_even, settled_within, look_every))
    return waits_.interrupted()
               ? result<void>{}
               : error{errc::timed_out,
                       fmt::format("{} have not their shares of the shards after "
                                   "{}; see `status`",
                                   names_text(wanted), seconds_text(settled_within))};
  const auto view = stage_.look();
  std::vector<std::string> shares;
  for (const std::string& each : wanted)
    shares.push_back(fmt::format("{} {}", each, view ? view->shards_of(each) : 0));
  told_.say("settled",
            fmt::format("{}, and the shards are spread after {}: {}", what,
                        seconds_text(std::chrono::steady_clock::now() - since),
                        fmt::join(shares, ", ")),
            {{"shares", shares}});
  return {};
}

// ---- nodes --------------------------------------------------------------------------------------

/// What ends or stands still is taken over by the others.
result<void> play::strike(const std::vector<std::string>& names,
                          void (stage::*blow)(const std::string&), std::string_view one,
                          std::string_view several) {
  for (const std::string& each : names)
    if (auto runs = must_run(each); !runs)
      return runs;
  const auto view = stage_.look();
  std::uint32_t had = 0;
  const time since = std::chrono::steady_clock::now();
  for (const std::string& each : names) {
    had += view ? view->shards_of(each) : 0;
    (stage_.*blow)(each);
  }
  return tell_takeover(names, had, since,
                       fmt::format("{} {}", names_text(names), names.size() > 1 ? several : one));
}

result<void> play::kill(const std::vector<std::string>& names) {
  return strike(names, &stage::kill, "is gone", "are gone");
}

result<void> play::pause(const std::vector<std::string>& names) {
  return strike(names, &stage::pause, "stands still", "stand still");
}

result<void> play::restart(const std::string& name) {
  if (stage_.node(name).process)
    return error{errc::state_conflict,
                 fmt::format("{} runs; kill it before, or see `status`", name)};
  const time since = std::chrono::steady_clock::now();
  if (auto started = stage_.start(name); !started)
    return started;
  return settle(
      since, fmt::format("{} serves again at http://127.0.0.1:{}", name, stage_.node(name).port));
}

result<void> play::resume(const std::string& name) {
  if (!stage_.node(name).paused)
    return error{errc::state_conflict, fmt::format("{} does not stand still; see `status`", name)};
  const time since = std::chrono::steady_clock::now();
  stage_.resume(name);
  return settle(since, fmt::format("{} goes on, without the shards it had", name));
}

result<void> play::drain(const std::string& name) {
  if (auto runs = must_run(name); !runs)
    return runs;
  const time since = std::chrono::steady_clock::now();
  const auto view = stage_.look();
  const auto answer = stage_.post_any(fmt::format("/v1/nodes/{}/drain", name));
  if (!answer || !answer->ok())
    return error{errc::state_conflict, fmt::format("{} was not drained: {}", name,
                                                   answer ? answer->body.value("detail", "no words")
                                                          : "no node answers; see `status`")};
  stage_.node(name).drained = true;
  return tell_takeover({name}, view ? view->shards_of(name) : 0, since,
                       name + " gives up what it has, and stays up");
}

/// A node that has just started does not know of the others at once.
result<void> play::take_part(const std::string& name) {
  std::optional<node_answer> answer;
  const auto is_taken = [&] {
    answer = stage_.post_any(fmt::format("/v1/nodes/{}/undrain", name));
    return answer && answer->ok();
  };
  if (!waits_.until(is_taken, taken_over_within, look_every))
    return error{errc::state_conflict, fmt::format("{} takes no part again: {}", name,
                                                   answer ? answer->body.value("detail", "no words")
                                                          : "no node answers; see `status`")};
  stage_.node(name).drained = false;
  return {};
}

result<void> play::undrain(const std::string& name) {
  if (auto runs = must_run(name); !runs)
    return runs;
  const time since = std::chrono::steady_clock::now();
  if (auto done = take_part(name); !done)
    return done;
  return settle(since, name + " takes part again");
}

result<void> play::add() {
  const time since = std::chrono::steady_clock::now();
  const auto made = stage_.add();
  if (!made)
    return made.error();
  if (auto started = stage_.start(*made); !started)
    return started;
  return settle(since,
                fmt::format("{} serves at http://127.0.0.1:{}", *made, stage_.node(*made).port));
}

// ---- the network --------------------------------------------------------------------------------

result<void> play::change_network(const command& what) {
  const std::string& from = what.places[0];
  const std::string& to = what.places[1];
  const auto view = stage_.look();
  const time since = std::chrono::steady_clock::now();
  for (const auto& [begin, end] : {std::pair{from, to}, std::pair{to, from}}) {
    way how = stage_.network().between(begin, end);
    if (what.what == verb::slow)
      how.delay = what.time;
    else
      how.cut = true;
    stage_.network().set(begin, end, how);
    if (what.one_way)
      break;
  }
  if (what.what == verb::slow) {
    told_.say("slow", fmt::format("what goes from {} to {}{} comes {} later", from, to,
                                  what.one_way ? "" : " and back", format_duration(what.time)));
    return {};
  }
  const bool is_store = from == store_place || to == store_place;
  const std::string& node = from == store_place ? to : from;
  if (is_store && stage_.node(node).process)
    return tell_takeover({node}, view ? view->shards_of(node) : 0, since,
                         node + " does not reach the store");
  told_.say("cut", fmt::format("nothing gets from {} to {}{}: what they send each other's shards "
                               "waits, and the load tries other nodes",
                               from, to, what.one_way ? "" : " and back"));
  return {};
}

result<void> play::heal(const std::vector<std::string>& names) {
  const time since = std::chrono::steady_clock::now();
  std::vector<std::string> all = names;
  if (names.empty()) {
    stage_.network().mend();
    for (const auto& [name, node] : stage_.nodes())
      all.push_back(name);
  }
  tell_ended();
  for (const std::string& name : all) {
    stage_.network().mend(name);
    if (stage_.node(name).paused)
      stage_.resume(name);
    if (!stage_.node(name).process)
      if (auto started = stage_.start(name); !started)
        return started;
  }
  for (const std::string& name : all)
    if (stage_.node(name).drained)
      if (auto done = take_part(name); !done)
        return done;
  return settle(since, names.empty() ? "all is whole" : names_text(all) + " is whole");
}

} // namespace skein::demo
