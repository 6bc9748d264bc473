#include "actors/lookups.hpp"

#include "actors/access/access_reading.hpp"
#include "actors/arguments.hpp"
#include "actors/event_view.hpp"
#include "protocol/check.hpp"
#include "protocol/raw_json.hpp"

#include <algorithm>
#include <charconv>

namespace skein {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds loop_answer_within{10};

void give(const lookups::reply& done, const json& body) { done({errc::none, write_json(body)}); }
void fail(const lookups::reply& done, errc code, std::string detail) {
  done({code, std::move(detail)});
}
void fail(const lookups::reply& done, const error& problem) {
  done({problem.code, problem.detail});
}

} // namespace

void lookups::ask(const std::string& operation, const std::string& arguments_text, reply done) {
  const json arguments =
      arguments_text.empty() ? json::object() : json::parse(arguments_text, nullptr, false);
  if (!arguments.is_object())
    return fail(done, errc::invalid_argument, "the arguments are not a JSON object");
  if (operation == "event.describe" || operation == "event.cancel" || operation == "dead.show") {
    const auto id = parse_event_id(text_of(arguments, "event").value_or(""));
    if (!id)
      return fail(done, errc::not_found, "an event's number looks like 17-42");
    if (operation == "event.cancel")
      return cancel_event(*id, std::move(done));
    return operation == "dead.show" ? show_dead(*id, std::move(done))
                                    : describe_event(*id, true, std::move(done));
  }
  if (operation == "event.list" || operation == "dead.list")
    return list_events(arguments, operation == "dead.list", std::move(done));
  if (operation == "audit.list")
    return sources_.store->look_up([agent = *agent_named(std::string{audit_agent}), arguments_text,
                                    now = sources_.clock->now().wall,
                                    done = std::move(done)](journal::reader& reader) {
      done(list_audit(reader, agent, arguments_text, now));
    });
  if (operation == "lane.list")
    return list_lanes(arguments, std::move(done));
  if (operation == "key.describe")
    return describe_key(arguments, std::move(done));
  if (operation == "node.list")
    return give(done, nodes_view());
  if (operation == "node.describe")
    return describe_node(arguments, std::move(done));
  if (operation == "shard.list")
    return list_shards(arguments, std::move(done));
  if (operation == "loop.list")
    return give(done, {{"loops", loops_view()}});
  if (operation == "agent.list")
    return give(done, {{"agents", agents_view()}});
  if (operation == "agent.describe") {
    const auto name = text_of(arguments, "agent").value_or("");
    for (const json& each : agents_view())
      if (each["name"] == name)
        return give(done, each);
    return fail(done, errc::agent_unknown, "no agent is named '" + name + "'");
  }
  if (operation == "status")
    return status(std::move(done));
  fail(done, errc::invalid_argument, "unknown operation " + operation);
}

// ---- events -----------------------------------------------------------------------------------

void lookups::describe_event(event_id event, bool again, reply done) {
  sources_.store->look_up(
      [self = shared_from_this(), event, again, done = std::move(done)](journal::reader& reader) {
        auto found = reader.find(event);
        if (!found)
          return fail(done, found.error());
        if (!*found)
          return fail(done, errc::not_found, "there is no event " + to_string(event));
        json view = view_event(**found, self->sources_.roster->read()->names, true);
        if (is_terminal((**found).state()))
          return give(done, view);
        self->live({event}, [self, event, again, done, view = std::move(view)](json live) mutable {
          // Neither live nor ended: it ended between the two looks, so the store now knows.
          if (!live.contains(to_string(event)) && again)
            return self->describe_event(event, false, std::move(done));
          if (live.contains(to_string(event)))
            overlay_live(view, live[to_string(event)], self->idle_agents());
          self->add_obstacles(view);
          give(done, view);
        });
      });
}

void lookups::show_dead(event_id event, reply done) {
  sources_.store->look_up(
      [self = shared_from_this(), event, done = std::move(done)](journal::reader& reader) mutable {
        const auto found = reader.find(event);
        if (!found)
          return fail(done, found.error());
        if (!*found)
          return fail(done, errc::not_found, "there is no event " + to_string(event));
        const auto& deliveries = (**found).deliveries;
        if (std::any_of(deliveries.begin(), deliveries.end(),
                        [](const auto& each) { return each.state == delivery_state::dead; }))
          return self->describe_event(event, true, std::move(done));
        fail(done, errc::not_found,
             "no delivery of event " + to_string(event) + " is dead; the event is " +
                 std::string{to_string((**found).state())});
      });
}

void lookups::live(const std::vector<event_id>& events, std::function<void(json)> done) {
  json names = json::array();
  for (const event_id each : events)
    names.push_back(to_string(each));
  ask_in question{
      0, {}, write_json(json{{"op", "live"}, {"events", std::move(names)}}), loop_answer_within};
  if (events.size() == 1)
    question.of = events.front().shard;
  sources_.ask_loops(std::move(question), [done = std::move(done)](std::vector<answer> answers) {
    json all = json::object();
    for (const answer& each : answers)
      if (each.code == errc::none)
        all.update(json::parse(each.json, nullptr, false));
    done(std::move(all));
  });
}

void lookups::list_events(const json& arguments, bool dead, reply done) {
  const auto limit = limit_of(arguments);
  const auto after = number_of(arguments, "after");
  if (!limit || !after)
    return fail(done, !limit ? limit.error() : after.error());
  journal::event_filter filter;
  filter.limit = *limit;
  filter.before = after->value_or(0);
  filter.source = text_of(arguments, "source");
  filter.id = text_of(arguments, "id");
  filter.key = text_of(arguments, "key");
  filter.type = text_of(arguments, "type");
  if (const auto name = text_of(arguments, "agent")) {
    filter.agent = agent_named(*name);
    if (!filter.agent)
      return fail(done, errc::agent_unknown, "no agent is named '" + *name + "'");
  }
  const auto span = span_of(arguments, sources_.clock->now().wall);
  if (!span)
    return fail(done, span.error());
  filter.since = span->since;
  filter.until = span->until;
  if (const auto state = text_of(arguments, "state")) {
    filter.state = parse_delivery_state(*state);
    if (!filter.state)
      return fail(
          done, errc::invalid_argument,
          "state must be pending, running, retrying, done, dead, cancelled, superseded or expired");
  }
  sources_.store->look_up([self = shared_from_this(), filter, dead,
                           done = std::move(done)](journal::reader& reader) {
    // Which of the pending ones run is known to the loops alone.
    journal::event_filter stored = filter;
    const bool running = filter.state == delivery_state::running;
    if (running)
      stored.state = delivery_state::pending;
    auto page =
        dead
            ? reader.list_dead({filter.agent, filter.key, filter.type, filter.limit, filter.before})
            : reader.list(stored);
    if (!page)
      return fail(done, page.error());
    json body{{"scanned", page->scanned}, {"complete", !page->budget_spent}};
    if (page->reached != no_instant)
      body["reached"] = format_rfc3339(page->reached);
    if (page->next != 0)
      body["next"] = std::to_string(page->next);
    self->view_page(page->events,
                    [dead, state = filter.state, done, body = std::move(body)](json shown) mutable {
                      json kept = json::array();
                      for (json& row : shown)
                        if (!state || row["state"] == std::string{to_string(*state)})
                          kept.push_back(std::move(row));
                      body[dead ? "dead" : "events"] = std::move(kept);
                      give(done, body);
                    });
  });
}

/// The rows as the store has them, with what the loops know of those that are not over.
void lookups::view_page(const std::vector<journal::event_record>& events,
                        std::function<void(json)> done) {
  json rows = json::array();
  std::vector<event_id> alive;
  const auto now = sources_.roster->read();
  for (const auto& record : events) {
    rows.push_back(view_event(record, now->names, false));
    if (!is_terminal(record.state()))
      alive.push_back(record.event);
  }
  if (alive.empty())
    return done(std::move(rows));
  live(alive, [self = shared_from_this(), shown = std::move(rows),
               done = std::move(done)](json known) mutable {
    const idle_agent idle = self->idle_agents();
    for (json& row : shown)
      if (const auto found = known.find(row["event"].get<std::string>()); found != known.end())
        overlay_live(row, *found, idle);
    done(std::move(shown));
  });
}

void lookups::cancel_event(event_id event, reply done) {
  ask_in question{0, event.shard, write_json(json{{"op", "cancel"}, {"event", to_string(event)}}),
                  loop_answer_within};
  sources_.ask_loops(
      std::move(question), [self = shared_from_this(), event, done](std::vector<answer> answers) {
        SKEIN_CHECK(answers.size() == 1);
        if (answers[0].code != errc::not_found)
          return done({answers[0].code, std::move(answers[0].json)});
        self->sources_.store->look_up([event, done](journal::reader& reader) {
          auto found = reader.find(event);
          if (!found)
            return fail(done, found.error());
          if (!*found)
            return fail(done, errc::not_found, "there is no event " + to_string(event));
          const delivery_state state = (**found).state();
          if (is_terminal(state))
            return fail(done, errc::already_terminal,
                        "event " + to_string(event) + " is " + std::string{to_string(state)} +
                            " already");
          fail(done, errc::state_conflict,
               "event " + to_string(event) + " is just being taken in; try again");
        });
      });
}

// ---- lanes and keys --------------------------------------------------------------------------

/// One page on its way: loop after loop, from a slot of the first one, until there are enough rows
/// or a loop has looked at as many as it does for one answer.
struct lookups::lane_walk {
  lane_walk(std::atomic<std::size_t>& counter, reply then)
    : under_way{counter}, done{std::move(then)} {}
  ~lane_walk() { --under_way; }
  lane_walk(const lane_walk&) = delete;
  lane_walk& operator=(const lane_walk&) = delete;

  std::atomic<std::size_t>& under_way; // of the look-ups, which callbacks keep alive
  reply done;
  std::string agent;
  std::size_t limit = 0;
  std::uint32_t loop = 0;
  std::uint32_t slot = 0;
  json rows = json::array();
};

void lookups::list_lanes(const json& arguments, reply done) {
  const auto limit = limit_of(arguments);
  if (!limit)
    return fail(done, limit.error());
  if (lane_walks_.fetch_add(1) >= limits::lane_walks_max) {
    --lane_walks_;
    return fail(done, errc::no_capacity,
                std::to_string(limits::lane_walks_max) + " requests are walking the lanes already");
  }
  auto walk = std::make_shared<lane_walk>(lane_walks_, std::move(done));
  walk->limit = *limit;
  walk->agent = text_of(arguments, "agent").value_or("");
  if (!walk->agent.empty() && !agent_named(walk->agent))
    return fail(walk->done, errc::agent_unknown, "no agent is named '" + walk->agent + "'");
  const std::string after = text_of(arguments, "after").value_or("0.0");
  const char* end = after.data() + after.size();
  const auto [dot, wrong] = std::from_chars(after.data(), end, walk->loop);
  const auto [stop, also] =
      std::from_chars(dot == end ? end : dot + 1, end, walk->slot); // "" is no number
  if (wrong != std::errc{} || also != std::errc{} || *dot != '.' || stop != end ||
      walk->loop >= sources_.loops_count)
    return fail(walk->done, errc::invalid_argument,
                "after must be the \"next\" of the page before");
  walk_lanes(std::move(walk));
}

void lookups::walk_lanes(std::shared_ptr<lane_walk> walk) {
  json asked{{"op", "lanes"}, {"from", walk->slot}, {"limit", walk->limit - walk->rows.size()}};
  if (!walk->agent.empty())
    asked["agent"] = walk->agent;
  ask_in question{0, static_cast<loop_no>(walk->loop), write_json(asked), loop_answer_within};
  sources_.ask_loops(
      std::move(question), [self = shared_from_this(), walk](std::vector<answer> answers) {
        SKEIN_CHECK(answers.size() == 1);
        if (answers[0].code != errc::none)
          return fail(walk->done, answers[0].code, "a loop did not answer in time");
        json part = json::parse(answers[0].json, nullptr, false);
        const idle_agent idle = self->idle_agents();
        for (json& row : part["lanes"]) {
          overlay_idle(row, idle);
          walk->rows.push_back(std::move(row));
        }
        const bool rest = part.contains("next");
        walk->slot = part.value("next", 0u);
        walk->loop += rest ? 0 : 1;
        const bool end = walk->loop == self->sources_.loops_count;
        if (!end && !rest && walk->rows.size() < walk->limit)
          return self->walk_lanes(walk);
        std::size_t total = 0;
        for (const auto& each : self->sources_.loops)
          total += each->read().lanes;
        json body{{"lanes", std::move(walk->rows)}, {"total", total}};
        if (!end)
          body["next"] = std::to_string(walk->loop) + "." + std::to_string(walk->slot);
        give(walk->done, body);
      });
}

void lookups::describe_key(const json& arguments, reply done) {
  const auto key = text_of(arguments, "key");
  if (!key)
    return fail(done, errc::invalid_argument, "key is missing");
  ask_in question{0, {}, write_json(json{{"op", "key"}, {"key", *key}}), loop_answer_within};
  sources_.ask_loops(std::move(question), [self = shared_from_this(), key = *key,
                                           done](std::vector<answer> answers) {
    json lanes = json::array();
    const idle_agent idle = self->idle_agents();
    for (const answer& each : answers)
      if (each.code == errc::none) {
        json part = json::parse(each.json, nullptr, false);
        for (json& row : part["lanes"]) {
          overlay_idle(row, idle);
          lanes.push_back(std::move(row));
        }
      }
    self->sources_.store->look_up([self, key, lanes, done](journal::reader& reader) {
      journal::event_filter filter;
      filter.key = key;
      auto page = reader.list(filter);
      if (!page)
        return fail(done, page.error());
      auto states = self->states_of(reader, key);
      if (!states)
        return fail(done, states.error());
      if (page->events.empty() && lanes.empty() && states->empty() && !page->budget_spent)
        return fail(done, errc::not_found, "no event of key '" + key + "' was found");
      json body{{"key", key},
                {"lanes", lanes},
                {"states", *std::move(states)},
                {"complete", !page->budget_spent}};
      self->view_page(page->events, [body = std::move(body), done](json rows) mutable {
        body["recent"] = std::move(rows);
        give(done, body);
      });
    });
  });
}

/// What each agent keeps for the key.
result<json> lookups::states_of(journal::reader& reader, const std::string& key) const {
  json rows = json::array();
  const auto now = sources_.roster->read();
  for (std::size_t i = 0; i < now->names.size(); ++i) {
    if (is_own_agent(now->names[i]))
      continue;
    const auto state = reader.state_of(static_cast<agent_no>(i), key);
    if (!state)
      return state.error();
    if (*state)
      rows.push_back(
          {{"agent", now->names[i]}, {"state", view_value(data_kind::json, (**state).view())}});
  }
  return rows;
}

std::optional<agent_no> lookups::agent_named(const std::string& name) const {
  const auto now = sources_.roster->read();
  const auto found = std::find(now->names.begin(), now->names.end(), name);
  if (found == now->names.end())
    return std::nullopt;
  return static_cast<agent_no>(found - now->names.begin());
}

} // namespace skein
