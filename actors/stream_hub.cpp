#include "actors/stream_hub.hpp"

#include "actors/event_view.hpp"
#include "actors/route_table.hpp"

#include <charconv>

namespace skein {

namespace {

using nlohmann::json;

constexpr std::size_t commits_a_pump = 8;
/// Look-ups before other readers of the store have their turn; about half of a reader's backlog.
constexpr std::size_t items_a_pump = 1'000;

/// "<commit>.<index>": all items up to and with that index were delivered.
bool parse_cursor(std::string_view text, std::uint64_t& commit, std::uint64_t& delivered) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos)
    return false;
  const auto whole = [](std::string_view digits, std::uint64_t& value) {
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return problem == std::errc{} && end == digits.data() + digits.size() && !digits.empty();
  };
  std::uint64_t index = 0;
  if (!whole(text.substr(0, dot), commit) || !whole(text.substr(dot + 1), index) || commit == 0)
    return false;
  delivered = index + 1;
  --commit;
  return true;
}

bool wanted(const stream_filter& filter, const event_head& head) {
  return (filter.key.empty() || filter.key == head.key) &&
         (filter.type.empty() || glob_matches(filter.type, head.type));
}

} // namespace

stream_hub::stream_hub(store_port& store, std::vector<std::string> agents, commit_no last)
  : store_{store}, agents_{std::move(agents)}, last_commit_{raw(last)} {}

void stream_hub::listen() {
  store_.on_commit([weak = weak_from_this()](commit_no commit) {
    if (const auto hub = weak.lock()) {
      hub->last_commit_.store(raw(commit));
      if (hub->any_.load())
        hub->request_pump();
    }
  });
}

std::uint64_t stream_hub::subscribe(stream_filter filter, node_api::stream_sink deliver) {
  auto entry = std::make_shared<subscription>();
  if (filter.after.empty() || !parse_cursor(filter.after, entry->commit, entry->skip))
    entry->commit = last_commit_.load();
  entry->filter = std::move(filter);
  entry->deliver = std::move(deliver);
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    number = next_++;
    subscriptions_.emplace(number, std::move(entry));
    any_.store(true);
  }
  request_pump();
  return number;
}

void stream_hub::unsubscribe(std::uint64_t number) {
  const std::lock_guard lock{mutex_};
  subscriptions_.erase(number);
  any_.store(!subscriptions_.empty());
}

void stream_hub::close() {
  const std::lock_guard lock{mutex_};
  subscriptions_.clear();
  any_.store(false);
}

std::size_t stream_hub::subscribers() const {
  const std::lock_guard lock{mutex_};
  return subscriptions_.size();
}

void stream_hub::request_pump() {
  if (pump_requested_.exchange(true))
    return;
  store_.read([weak = weak_from_this()](journal::reader& reader) {
    if (const auto hub = weak.lock()) {
      hub->pump_requested_.store(false);
      hub->pump(reader);
    }
  });
}

void stream_hub::pump(journal::reader& reader) {
  std::vector<std::pair<std::uint64_t, std::shared_ptr<subscription>>> all;
  {
    const std::lock_guard lock{mutex_};
    all.assign(subscriptions_.begin(), subscriptions_.end());
  }
  bool more = false;
  for (auto& [number, each] : all)
    if (!pump_one(reader, *each, more))
      unsubscribe(number);
  if (more)
    request_pump();
}

bool stream_hub::pump_one(journal::reader& reader, subscription& to, bool& more) {
  auto feed = reader.commits_after(static_cast<commit_no>(to.commit), commits_a_pump);
  if (!feed)
    return true; // tried again with the next commit
  std::vector<stream_message> messages;
  if (feed->reset) {
    messages.push_back({{}, "reset", R"({"reason":"the cursor is older than what is kept"})"});
    to.skip = 0;
  }
  std::size_t looked = 0;
  for (const journal::feed_commit& commit : feed->commits) {
    std::size_t i = to.skip;
    for (; i < commit.items.size() && looked < items_a_pump; ++i, ++looked)
      if (append(reader, to, commit.items[i], messages))
        messages.back().id = std::to_string(raw(commit.commit)) + "." + std::to_string(i);
    if (i < commit.items.size()) { // the rest of it is for the next pump
      to.commit = raw(commit.commit) - 1;
      to.skip = i;
      more = true;
      break;
    }
    to.skip = 0;
    to.commit = raw(commit.commit);
  }
  more = more || feed->commits.size() == commits_a_pump;
  return messages.empty() || to.deliver(messages);
}

bool stream_hub::append(journal::reader& reader, const subscription& to,
                        const journal::feed_item& item, std::vector<stream_message>& out) const {
  const auto found = reader.find(item.delivery.event);
  if (!found || !*found)
    return false; // expired from retention between the commit and now
  const journal::event_record& record = **found;
  if (!wanted(to.filter, read_head(record.body.view())))
    return false;
  const bool accepted = item.kind == journal::feed_item::what::accepted;
  json view = view_event(record, agents_, accepted);
  json line{{"event", view["event"]},
            {"id", view["id"]},
            {"source", view["source"]},
            {"type", view["type"]},
            {"key", view["key"]}};
  if (accepted) {
    line["accepted"] = view["accepted"];
    line["data"] = view.value("data", json{});
  } else if (item.delivery.index < view["deliveries"].size()) {
    json& delivery = view["deliveries"][item.delivery.index];
    for (const char* name :
         {"agent", "state", "attempt", "finished", "code", "error", "reply", "emitted"})
      if (delivery.contains(name))
        line[name] = std::move(delivery[name]);
  }
  out.push_back({{},
                 accepted ? "accepted" : "outcome",
                 line.dump(-1, ' ', false, json::error_handler_t::replace)});
  return true;
}

} // namespace skein
