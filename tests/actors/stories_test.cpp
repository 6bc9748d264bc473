// Stories of one loop, in tests/scenarios: commands and what came of each. A changed story fails
// here; SKEIN_UPDATE_STORIES=1 writes what happens now, for a person to read before it is kept.
#include "loop_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>

using namespace skein;
using namespace skein::test;

namespace {

using words = std::vector<std::string>;

words words_of(const std::string& line) {
  std::istringstream in{line};
  return {std::istream_iterator<std::string>{in}, {}};
}

/// "id=1" among the words; empty if it is not there.
std::string value_of(const words& of, const std::string& name) {
  for (const std::string& each : of)
    if (each.starts_with(name + "="))
      return each.substr(name.size() + 1);
  return {};
}

bool has(const words& of, const std::string& word) {
  return std::find(of.begin(), of.end(), word) != of.end();
}

event_words event_of(const words& of) {
  event_words event;
  event.id = value_of(of, "id");
  for (const auto& [name, member] :
       {std::pair{"key", &event_words::key}, std::pair{"type", &event_words::type}})
    if (const std::string given = value_of(of, name); !given.empty())
      event.*member = given;
  event.data = value_of(of, "data");
  event.due = value_of(of, "due");
  event.expires = value_of(of, "expires");
  event.priority = value_of(of, "priority");
  return event;
}

/// "publish id=1 ; id=2" -> two events.
std::vector<event_words> events_of(const words& of) {
  std::vector<event_words> events;
  words one;
  for (std::size_t i = 1; i <= of.size(); ++i) {
    if (i == of.size() || of[i] == ";") {
      events.push_back(event_of(one));
      one.clear();
    } else {
      one.push_back(of[i]);
    }
  }
  return events;
}

class teller {
 public:
  /// Carries a command out; false if it is none.
  bool tell(const words& command) {
    const std::string& verb = command.at(0);
    if (verb == "agent") {
      agent_words agent{.name = command.at(1), .pure = has(command, "pure")};
      if (const std::string slots = value_of(command, "slots"); !slots.empty())
        agent.slots = static_cast<unsigned>(std::stoul(slots));
      if (const std::string attempts = value_of(command, "attempts"); !attempts.empty())
        agent.attempts = static_cast<std::uint32_t>(std::stoul(attempts));
      settings_.agents.push_back(agent);
      return true;
    }
    if (verb == "route") {
      settings_.routes.emplace_back(command.at(1), command.at(2));
      return true;
    }
    return act(verb, command);
  }

  std::vector<std::string> take() { return world_ ? world_->take() : std::vector<std::string>{}; }

 private:
  loop_world& world() {
    if (!world_)
      world_.emplace(settings_);
    return *world_;
  }

  bool act(const std::string& verb, const words& command) {
    static const std::map<std::string, std::function<void(teller&, const words&)>> verbs = {
        {"publish", [](teller& t, const words& w) { t.world().publish_all(events_of(w)); }},
        {"publish-again",
         [](teller& t, const words& w) { t.world().publish_again(std::stoull(w.at(1))); }},
        {"foreign", [](teller& t, const words& w) { t.world().foreign(events_of(w)); }},
        {"done", [](teller& t, const words& w) { t.done(w); }},
        {"fail",
         [](teller& t, const words& w) {
           const auto after = parse_duration(value_of(w, "after"));
           t.world().fail(w.at(1), turn_verdict::failed, after.value_or(duration{0}));
         }},
        {"reject",
         [](teller& t, const words& w) { t.world().fail(w.at(1), turn_verdict::rejected); }},
        {"return",
         [](teller& t, const words& w) { t.world().fail(w.at(1), turn_verdict::returned); }},
        {"wait", [](teller& t, const words& w) { t.world().wait(*parse_duration(w.at(1))); }},
        {"cancel",
         [](teller& t, const words& w) {
           t.world().ask(R"({"op":"cancel","event":")" + w.at(1) + R"("})");
         }},
        {"kill", [](teller& t, const words&) { t.world().restart(false); }},
        {"stop", [](teller& t, const words&) { t.world().restart(true); }},
        {"hold-commits", [](teller& t, const words&) { t.world().hold_commits = true; }},
        {"commit", [](teller& t, const words&) { t.world().commit(); }},
        {"disk",
         [](teller& t, const words& w) {
           t.world().fail_commits = w.at(1) == "full"      ? errc::disk_full
                                    : w.at(1) == "unknown" ? errc::unknown_outcome
                                                           : errc::none;
         }},
        {"drain",
         [](teller& t, const words&) {
           t.world().stop_starting();
           t.world().watch_progress();
         }},
    };
    const auto found = verbs.find(verb);
    if (found != verbs.end())
      found->second(*this, command);
    return found != verbs.end();
  }

  void done(const words& command) {
    turn_outcome outcome;
    words rest{command.begin() + 2, command.end()};
    if (const auto emits = std::find(rest.begin(), rest.end(), "emits"); emits != rest.end()) {
      outcome = world().emitting(events_of({emits, rest.end()}));
      rest.erase(emits, rest.end());
    }
    if (const std::string state = value_of(rest, "state"); !state.empty()) {
      outcome.sets_state = true;
      outcome.state = slice{state};
    }
    outcome.deletes_state = has(rest, "forgets");
    world().done(command.at(1), std::move(outcome));
  }

  world_settings settings_{.agents = {}, .routes = {}};
  std::optional<loop_world> world_;
};

/// The story as it happens now: commands, comments and empty lines as they are.
void retell(const std::string& story, std::string& out) {
  teller who;
  std::istringstream in{story};
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with("#")) {
      out += line + "\n";
    } else if (line.starts_with("> ")) {
      out += line + "\n";
      INFO("so far\n" << out);
      REQUIRE(who.tell(words_of(line.substr(2))));
      for (const std::string& each : who.take())
        out += each + "\n";
    }
  }
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file{path};
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

TEST_CASE("the stories happen as they are written down") {
  std::size_t stories = 0;
  for (const auto& each : std::filesystem::directory_iterator{SKEIN_STORIES}) {
    if (each.path().extension() != ".txt")
      continue;
    CAPTURE(each.path().filename().string());
    const std::string written = read(each.path());
    std::string now;
    retell(written, now);
    if (std::getenv("SKEIN_UPDATE_STORIES") != nullptr)
      std::ofstream{each.path()} << now;
    else
      CHECK(now == written);
    ++stories;
  }
  CHECK(stories >= 6);
}
