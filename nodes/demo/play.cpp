// The play: which command is which, and those that only look.
#include "nodes/demo/play.hpp"

#include "nodes/demo/check.hpp"
#include "nodes/demo/collect.hpp"

#include <fmt/format.h>

#include <cmath>

namespace skein::demo {

namespace {

constexpr std::chrono::seconds acknowledged_within{20};
constexpr std::chrono::seconds ended_within{20};
constexpr std::chrono::milliseconds look_every{50};
constexpr std::chrono::milliseconds status_within{1500};
constexpr std::size_t events_shown = 10;

double rounded(double value) { return std::round(value * 10) / 10; }

} // namespace

std::string seconds_text(duration time) {
  return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

result<void> play::run(const command& what) {
  if (auto known = check_places(what, stage_.count()); !known)
    return known;
  checked_ = false;
  switch (what.what) {
    case verb::nothing:
      return {};
    case verb::status:
      show_status();
      return {};
    case verb::kill:
      return kill(what.places);
    case verb::pause:
      return pause(what.places);
    case verb::partition:
    case verb::slow:
      return change_network(what);
    case verb::heal:
      return heal(what.places);
    case verb::add:
      return add();
    case verb::events:
      return show_events();
    case verb::check:
      return check();
    case verb::wait:
      return wait(what.time);
    case verb::help:
      show_help();
      return {};
    case verb::quit:
      over_ = true;
      return {};
    case verb::restart:
    case verb::resume:
    case verb::drain:
    case verb::undrain:
      break;
  }
  for (const std::string& name : what.places)
    if (auto done = run_on_node(what, name); !done)
      return done;
  return {};
}

result<void> play::run_on_node(const command& what, const std::string& name) {
  switch (what.what) {
    case verb::restart:
      return restart(name);
    case verb::resume:
      return resume(name);
    case verb::drain:
      return drain(name);
    default:
      return undrain(name);
  }
}

void play::tell_ended() {
  for (const std::string& name : stage_.take_ended())
    told_.say("ended",
              fmt::format("{} ended by itself ({}); its log is {}; start it with: restart {}", name,
                          stage_.node(name).end, stage_.folders().log(name), name),
              {{"node", name}, {"end", stage_.node(name).end}});
}

// ---- looking ------------------------------------------------------------------------------------

json play::status_row(const std::string& name, const std::optional<cluster_view>& view) {
  const stage_node& node = stage_.node(name);
  json row{{"node", name}};
  const auto answer = node.paused ? std::nullopt : stage_.ask(name, "/v1/status", status_within);
  const bool answers = answer && answer->ok();
  row["state"] = !node.process  ? node.end
                 : node.paused  ? "stands still"
                 : !answers     ? "no answer"
                 : node.drained ? "drained"
                 : stage_.network().is_cut_from_store(name)
                     ? "cut from the store"
                     : answer->body.value("not_ready_because", "up");
  row["shards"] = view ? json(view->shards_of(name)) : json();
  row["keeper"] = view && view->keeper == name ? json("yes") : json();
  if (answers) {
    const json& told = answer->body;
    row["events_s"] = rounded(told["rates"]["done"].value("1s", 0.0));
    row["pending"] = told["ledger"].value("pending", 0);
    row["oldest"] = rounded(told["lag"].value("oldest_ready_s", 0.0));
  }
  row["pid"] = node.process ? json(node.process->pid()) : json();
  row["url"] = node.process ? json(fmt::format("http://127.0.0.1:{}", node.port)) : json();
  return row;
}

void play::show_status() {
  tell_ended();
  const auto view = stage_.look();
  json rows = json::array();
  for (const auto& [name, node] : stage_.nodes())
    rows.push_back(status_row(name, view));
  told_.table("status",
              {"node", "state", "shards", "keeper", "events_s", "pending", "oldest", "pid", "url"},
              rows);
  const load_counts counts = load_.counts();
  told_.say("load",
            fmt::format("  load: {} events acknowledged, {} under way, {} calls made again, the "
                        "longest took {}",
                        grouped(counts.acknowledged), counts.under_way, grouped(counts.calls_again),
                        seconds_text(counts.longest)),
            {{"acknowledged", counts.acknowledged},
             {"under_way", counts.under_way},
             {"calls_again", counts.calls_again}});
  const auto network = stage_.network().described();
  if (!network.empty())
    told_.say("network", fmt::format("  network: {}", fmt::join(network, ", ")),
              {{"ways", network}});
  if (!view)
    told_.say("unknown", "  no node can tell of the cluster: who has which shards is not known");
  else if (view->unowned != 0)
    told_.say("unowned", fmt::format("  {} of {} shards have no node", view->unowned, view->shards),
              {{"unowned", view->unowned}});
}

result<void> play::show_events() {
  const auto answer =
      stage_.ask_any(fmt::format("/v1/events?limit={}&source={}", events_shown, load_.source()));
  if (!answer)
    return error{errc::store_unreachable,
                 "no node answers; see `status`, and `heal` what is cut or killed"};
  json rows = json::array();
  for (const json& each : (*answer)["events"]) {
    json row{{"event", each.value("event", "")},
             {"id", each.value("id", "")},
             {"key", each.value("key", "")},
             {"state", each.value("state", "")},
             {"accepted", each.value("accepted", "")}};
    if (each.contains("reply"))
      row["reply"] = each["reply"];
    rows.push_back(std::move(row));
  }
  told_.table("events", {"event", "id", "key", "state", "reply", "accepted"}, rows);
  return {};
}

void play::show_help() {
  json rows = json::array();
  for (const command_row& each : command_rows())
    rows.push_back({{"command", fmt::format("{} {}", each.name, each.arguments)},
                    {"does", std::string{each.help}}});
  told_.table("help", {"command", "does"}, rows);
  told_.hint(fmt::format("  NODE is n1 to n{}; A and B are nodes, or one of them is store; TIME is "
                         "such as 200ms or 5s.\n",
                         stage_.count()));
}

result<void> play::wait(duration how_long) {
  const auto until = std::chrono::steady_clock::now() + how_long;
  while (!waits_.interrupted()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= duration{0})
      return {};
    waits_.readable(stage_.ended_fds(), left);
    tell_ended();
  }
  return {};
}

// ---- the promises -------------------------------------------------------------------------------

result<void> play::check() {
  told_.hint("The load rests while it is checked ...\n");
  load_.rest();
  const auto is_quiet = [&] { return load_.counts().under_way == 0; };
  const auto has_ended = [&] { return pending(stage_) == std::uint64_t{0}; };
  const bool quiet = waits_.until(is_quiet, acknowledged_within, look_every);
  const bool ended = waits_.until(has_ended, ended_within, look_every);
  auto seen = collect(stage_, load_);
  load_.go_on();
  if (!seen)
    return seen.error();
  if (!quiet)
    told_.say("not-quiet",
              fmt::format("  {} events are not acknowledged yet: nothing is promised of them",
                          load_.counts().under_way));
  seen->all_ended = ended;
  std::uint64_t broken = 0;
  for (const promise& each : demo::check(*seen)) {
    broken += each.held() ? 0U : 1U;
    told_.say(
        "promise",
        fmt::format("  {}  {}: {}", each.held() ? "held  " : "BROKEN", each.name, each.counts),
        {{"promise", each.name},
         {"held", each.held()},
         {"counts", each.counts},
         {"breaks", each.breaks},
         {"broken", each.broken}});
    for (const std::string& sentence : each.broken)
      told_.hint(fmt::format("            {}\n", sentence));
    if (each.breaks > each.broken.size())
      told_.hint(fmt::format("            and {} more\n", each.breaks - each.broken.size()));
  }
  checked_ = true;
  broken_ = broken_ || broken != 0;
  if (broken != 0)
    return error{errc::internal,
                 fmt::format("{} of the promises are broken; report it with the folder {}, which "
                             "stays",
                             broken, stage_.folders().main())};
  return {};
}

} // namespace skein::demo
