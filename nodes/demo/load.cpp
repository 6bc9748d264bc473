#include "nodes/demo/load.hpp"

#include "nodes/demo/config_text.hpp"
#include "nodes/demo/node_client.hpp"
#include "nodes/demo/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

namespace skein::demo {

namespace {

constexpr std::uint32_t senders_max = 8;
constexpr std::chrono::milliseconds beat{50};
constexpr std::chrono::seconds call_patience{2};
constexpr std::chrono::milliseconds call_again_after{50};
/// A node that did not take a call is left alone for so long, if there is another one; each further
/// time in a row for twice as long.
constexpr std::chrono::seconds avoided_first{1};
constexpr std::chrono::seconds avoided_max{8};
constexpr const char* batch_type = "application/cloudevents-batch+json";

} // namespace

/// Has its own keys, so that nobody else sends what comes after its steps.
struct load::sender {
  std::vector<std::uint32_t> keys;
  std::vector<std::uint64_t> steps; // sent, of each key
  std::size_t next_key = 0;
  std::mt19937 dice; // which node is asked
  std::map<std::string, std::pair<std::uint16_t, node_client>> clients;
  struct avoidance {
    time until;
    duration next{avoided_first};
  };
  std::map<std::string, avoidance> avoided;

  /// Of so many keys the next step each.
  json next_batch(std::size_t size, const std::string& source) {
    json batch = json::array();
    for (std::size_t i = 0; i < std::min(size, keys.size()); ++i) {
      const std::size_t at = next_key++ % keys.size();
      const std::string key = fmt::format("k{}", keys[at]);
      batch.push_back({{"specversion", "1.0"},
                       {"id", fmt::format("{}-{}", key, ++steps[at])},
                       {"source", source},
                       {"type", step_type},
                       {"partitionkey", key}});
    }
    return batch;
  }

  /// Any node, but rather none that failed a moment ago.
  node_client* choose(const doors& where, std::string& name) {
    auto all = where.all();
    const time now = std::chrono::steady_clock::now();
    auto good = all;
    std::erase_if(good, [&](const auto& each) {
      const auto until = avoided.find(each.first);
      return until != avoided.end() && until->second.until > now;
    });
    const auto& from = good.empty() ? all : good;
    if (from.empty())
      return nullptr;
    auto at = from.begin();
    std::advance(at, dice() % from.size());
    name = at->first;
    const auto known = clients.find(name);
    if (known == clients.end() || known->second.first != at->second)
      clients.insert_or_assign(name, std::pair{at->second, node_client{at->second}});
    return &clients.at(name).second;
  }

  /// The numbers of the batch's events; empty: not all of it was acknowledged.
  std::vector<std::string> call(const json& batch, const doors& where) {
    std::string name;
    node_client* const client = choose(where, name);
    if (client == nullptr)
      return {};
    const auto answer = client->post("/v1/events", batch.dump(), batch_type, call_patience);
    std::vector<std::string> numbers;
    if (answer && answer->status == 202 && answer->ok())
      for (const json& each : answer->body["accepted"])
        numbers.push_back(each.value("event", ""));
    if (numbers.size() == batch.size()) {
      avoided.erase(name);
      return numbers;
    }
    avoidance& of = avoided[name];
    of.until = std::chrono::steady_clock::now() + of.next;
    of.next = std::min<duration>(2 * of.next, avoided_max);
    return {};
  }
};

load::load(load_setting how, const doors& where) : how_{std::move(how)}, where_{where} {
  for (std::uint32_t i = 0; i < std::min(senders_max, how_.keys); ++i)
    threads_.emplace_back([this, i] { run(i); });
}

load::~load() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  for (std::thread& each : threads_)
    each.join();
}

void load::rest() {
  const std::lock_guard lock{mutex_};
  rests_ = true;
}

void load::go_on() {
  {
    const std::lock_guard lock{mutex_};
    rests_ = false;
  }
  changed_.notify_all();
}

load_counts load::counts() const {
  const std::lock_guard lock{mutex_};
  return counts_;
}

std::vector<acknowledgement> load::acknowledged() const { return acknowledged_since(time{}); }

std::vector<acknowledgement> load::acknowledged_since(time from) const {
  const std::lock_guard lock{mutex_};
  std::vector<acknowledgement> found;
  for (const noted& each : acknowledged_)
    if (each.at >= from)
      found.push_back(each.what);
  return found;
}

bool load::is_over() const {
  const std::lock_guard lock{mutex_};
  return ends_;
}

/// False: it is all over. While it rests it waits on.
bool load::wait(duration how_long) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, how_long, [&] { return ends_; });
  const auto may_go = [&] {
    return ends_ || (!rests_ && counts_.acknowledged + counts_.under_way < steps_max);
  };
  changed_.wait(lock, may_go);
  return !ends_;
}

void load::run(std::uint32_t which) {
  sender own;
  const auto count = std::min(senders_max, how_.keys);
  for (std::uint32_t key = which; key < how_.keys; key += count)
    own.keys.push_back(key);
  own.steps.resize(own.keys.size());
  own.dice.seed(how_.seed + which);
  const double rate = static_cast<double>(how_.rate) / count;
  double owed = 0; // events; never more than a second's: after a stop it does not run to catch up
  time last = std::chrono::steady_clock::now();
  while (wait(beat)) {
    const time now = std::chrono::steady_clock::now();
    owed = std::min(owed + rate * std::chrono::duration<double>(now - last).count(), rate);
    last = now;
    if (owed < 1)
      continue;
    const json batch = own.next_batch(static_cast<std::size_t>(owed), how_.source);
    owed -= static_cast<double>(batch.size());
    {
      const std::lock_guard lock{mutex_};
      counts_.under_way += batch.size();
    }
    std::vector<std::string> numbers;
    while ((numbers = own.call(batch, where_)).empty() && !is_over()) {
      std::unique_lock lock{mutex_};
      ++counts_.calls_again;
      changed_.wait_for(lock, call_again_after, [&] { return ends_; });
    }
    if (numbers.empty())
      return;
    const time done = std::chrono::steady_clock::now();
    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < numbers.size(); ++i)
      acknowledged_.push_back({{batch[i].value("id", ""), numbers[i]}, done});
    counts_.acknowledged += batch.size();
    counts_.under_way -= batch.size();
    counts_.longest = std::max<duration>(counts_.longest, done - now);
  }
}

} // namespace skein::demo
