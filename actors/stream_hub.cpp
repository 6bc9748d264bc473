#include "actors/stream_hub.hpp"

#include "actors/event_view.hpp"
#include "actors/route_table.hpp"
#include "protocol/raw_json.hpp"

#include <charconv>

namespace skein {

namespace {

using nlohmann::json;

constexpr std::size_t commits_a_pump = 8;
/// Look-ups before other readers of the store have their turn; about half of a reader's backlog.
constexpr std::size_t items_a_pump = 1'000;
constexpr const char* older_than_kept = "the cursor is older than what is kept";
constexpr std::size_t tag_digits = 8; // of the store's id, in each cursor

/// "<commit>.<index>.<store>": all items up to and with that index were delivered. Without a store
/// it is taken for one of this store.
struct cursor {
  std::uint64_t commit = 0;
  std::uint64_t index = 0;
  std::string_view store;
};

bool take_number(std::string_view& text, std::uint64_t& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return problem == std::errc{};
}

std::optional<cursor> parse_cursor(std::string_view text) {
  cursor found;
  if (!take_number(text, found.commit) || !text.starts_with('.'))
    return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(text, found.index) || (!text.empty() && text[0] != '.'))
    return std::nullopt;
  found.store = text.substr(text.empty() ? 0 : 1);
  return found;
}

bool wanted(const stream_filter& filter, const event_head& head) {
  return (filter.key.empty() || filter.key == head.key) &&
         (filter.type.empty() || glob_matches(filter.type, head.type));
}

} // namespace

stream_hub::stream_hub(store_port& store, std::shared_ptr<roster_board> agents, commit_no last,
                       std::string_view store_id)
  : store_{store}, agents_{std::move(agents)}, tag_{store_id.substr(0, tag_digits)},
    last_commit_{raw(last)} {}

void stream_hub::listen() {
  store_.on_commit([weak = weak_from_this()](commit_no commit) {
    if (const auto hub = weak.lock()) {
      hub->last_commit_.store(raw(commit));
      if (hub->any_.load())
        hub->request_pump();
    }
  });
}

std::string stream_hub::cursor_text(std::uint64_t commit, std::uint64_t index) const {
  return std::to_string(commit) + "." + std::to_string(index) + "." + tag_;
}

/// Where a reader begins. A cursor that says nothing here begins with all there is: missing nothing
/// is worth more than reading something twice.
void stream_hub::place(subscription& entry) const {
  const std::uint64_t last = last_commit_.load();
  if (entry.filter.after.empty()) {
    entry.commit = last;
    entry.live = true;
    return;
  }
  const auto from = parse_cursor(entry.filter.after);
  if (!from)
    entry.reset_because = "the cursor is not one of this stream";
  else if (!from->store.empty() && from->store != tag_)
    entry.reset_because = "the cursor is of another store";
  else if (from->commit > last)
    entry.reset_because = "the cursor lies beyond the end of this store";
  else if (from->commit > 0) {
    entry.commit = from->commit - 1;
    entry.skip = from->index + 1;
  }
}

std::uint64_t stream_hub::subscribe(stream_filter filter, node_api::stream_sink deliver) {
  auto entry = std::make_shared<subscription>();
  entry->filter = std::move(filter);
  entry->deliver = std::move(deliver);
  place(*entry);
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

void stream_hub::resume(std::uint64_t number) {
  {
    const std::lock_guard lock{mutex_};
    const auto found = subscriptions_.find(number);
    if (found == subscriptions_.end())
      return;
    ++found->second->resumes;
  }
  request_pump();
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
  store_.look_up([weak = weak_from_this()](journal::reader& reader) {
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
  for (auto& [number, each] : all) {
    const std::uint64_t resumes = each->resumes.load();
    if (each->full_since == resumes)
      continue;
    each->full_since.reset();
    switch (pump_one(reader, *each, more)) {
      case stream_taken::more:
        break;
      case stream_taken::full: // a resume() since `resumes` was read is not missed
        each->full_since = resumes;
        more = more || each->resumes.load() != resumes;
        break;
      case stream_taken::gone:
        unsubscribe(number);
        break;
    }
  }
  if (more)
    request_pump();
}

stream_taken stream_hub::pump_one(journal::reader& reader, subscription& to, bool& more) {
  auto feed = reader.commits_after(static_cast<commit_no>(to.commit), commits_a_pump);
  if (!feed)
    return stream_taken::more; // tried again with the next commit
  std::vector<stream_message> messages;
  const std::string reason = std::exchange(to.reset_because, {});
  if (!reason.empty() || (feed->reset && to.commit > 0)) {
    const json why{{"reason", reason.empty() ? std::string{older_than_kept} : reason}};
    messages.push_back({cursor_text(0, 0), "reset", write_json(why)});
    to.skip = 0;
    if (feed->commits.empty())
      to.commit = 0;
  }
  const bool live = to.live;
  const bool whole = read_commits(reader, to, *feed, messages);
  const bool end = whole && feed->commits.size() < commits_a_pump;
  to.live = to.live || end;
  const auto taken = messages.empty() ? stream_taken::more : to.deliver(messages, live);
  if (taken == stream_taken::more && !end)
    more = true;
  return taken;
}

/// False: the budget of this pump was spent, and the rest is for the next one.
bool stream_hub::read_commits(journal::reader& reader, subscription& to,
                              const journal::reader::feed& feed,
                              std::vector<stream_message>& messages) const {
  std::size_t looked = 0;
  std::size_t bytes = 0;
  for (const journal::feed_commit& commit : feed.commits) {
    for (std::size_t i = to.skip; i < commit.items.size(); ++i, ++looked) {
      if (looked == items_a_pump || bytes >= limits::stream_read_bytes) {
        to.commit = raw(commit.commit) - 1;
        to.skip = i;
        return false;
      }
      if (!append(reader, to, commit.items[i], messages))
        continue;
      messages.back().id = cursor_text(raw(commit.commit), i);
      bytes += messages.back().data.size();
    }
    to.skip = 0;
    to.commit = raw(commit.commit);
  }
  return true;
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
  json view = view_event(record, agents_->read()->names, accepted);
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
  out.push_back({{}, accepted ? "accepted" : "outcome", write_json(line)});
  return true;
}

} // namespace skein
