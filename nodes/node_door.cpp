#include "nodes/node_door.hpp"

#include "actors/arguments.hpp"
#include "nodes/broker/peer_office.hpp"
#include "nodes/reload/config_office.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <mutex>

namespace skein {

namespace {

/// An answer that says so itself: "changed": false.
bool changed_nothing(const api_answer& answer) {
  const auto body = nlohmann::json::parse(answer.body, nullptr, false);
  return answer.code == errc::none && body.is_object() && body.contains("changed") &&
         !flag_of(body, "changed");
}

bool is_of_an_office(std::string_view operation) {
  return peer_office::answers(operation) || config_office::answers(operation);
}

} // namespace

void node_door::ask(std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!is_of_an_office(operation))
    return engine_.ask(std::move(operation), std::move(arguments_json), std::move(done));
  hand_on({}, std::move(operation), std::move(arguments_json), std::move(done));
}

namespace {

/// Of a command that is asked of several nodes: what each has said.
struct gathered {
  std::mutex mutex;
  nlohmann::json rows = nlohmann::json::array(); // guarded by mutex
  std::size_t open = 0;                          // likewise
  std::function<void(api_answer)> done;

  void add(const std::string& node, const api_answer& how) {
    nlohmann::json row =
        nlohmann::json::parse(how.code == errc::none ? how.body : "{}", nullptr, false);
    if (!row.is_object())
      row = nlohmann::json::object();
    row["node"] = node;
    row["code"] = how.code == errc::none ? nlohmann::json(nullptr) : nlohmann::json(slug(how.code));
    row["detail"] = how.code == errc::none ? nlohmann::json(nullptr) : nlohmann::json(how.body);
    const std::lock_guard lock{mutex};
    rows.push_back(std::move(row));
    if (--open > 0)
      return;
    std::sort(rows.begin(), rows.end(),
              [](const auto& a, const auto& b) { return a["node"] < b["node"]; });
    done({errc::none, nlohmann::json{{"nodes", rows}}.dump(
                          -1, ' ', false, nlohmann::json::error_handler_t::replace)});
  }
};

} // namespace

/// Each node reads its own file. One that is down reads it when it starts.
void node_door::reload_all(const caller& by, const std::string& arguments_json,
                           std::function<void(api_answer)> done) {
  auto words = nlohmann::json::parse(arguments_json, nullptr, false);
  words.erase("all");
  const std::string arguments = words.dump();
  const std::vector<std::string> others = engine_.other_nodes();
  const auto all = std::make_shared<gathered>();
  all->open = others.size() + 1;
  all->done = std::move(done);
  const std::string self = engine_.settings().node;
  hand_on(by, "config.reload", arguments,
          [all, self](const api_answer& how) { all->add(self, how); });
  for (const std::string& each : others)
    engine_.ask_config(each, by, "config.reload", arguments,
                       [all, each](const api_answer& how) { all->add(each, how); });
}

/// To the office that answers it.
void node_door::hand_on(const caller& by, std::string operation, std::string arguments_json,
                        std::function<void(api_answer)> done) {
  if (config_office::answers(operation)) {
    const auto words = nlohmann::json::parse(arguments_json, nullptr, false);
    if (operation == "config.reload" && words.is_object() && flag_of(words, "all"))
      return reload_all(by, arguments_json, std::move(done));
    const std::shared_lock lock{offices_};
    if (config_ != nullptr)
      return config_->ask(by.who, std::move(operation), std::move(arguments_json), std::move(done));
    return done({errc::not_ready, {}});
  }
  const std::shared_lock lock{offices_};
  if (peers_ != nullptr)
    return peers_->ask(std::move(operation), std::move(arguments_json), std::move(done));
  if (keeps_peers_)
    return done({errc::not_ready, {}});
  done({errc::state_conflict,
        "An ephemeral node has no folder, and so no list of peers: start it with --data."});
}

/// A change of the list of peers, or of the configuration, is in the record of what people changed,
/// as any other.
void node_door::act(caller by, std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  if (!is_of_an_office(operation))
    return engine_.act(std::move(by), std::move(operation), std::move(arguments_json),
                       std::move(done));
  const auto given = nlohmann::json::parse(arguments_json, nullptr, false);
  if (!by.who.empty() && given.is_object() && !flag_of(given, "dry_run"))
    done = [plain = done,
            recorded = engine_.recorded(by, operation, arguments_json, done)](api_answer answer) {
      const auto& way = changed_nothing(answer) ? plain : recorded;
      way(std::move(answer));
    };
  hand_on(by, std::move(operation), std::move(arguments_json), std::move(done));
}

} // namespace skein
