#include "tests/nodes/http/fake_node.hpp"

#include <chrono>
#include <future>

namespace skein::test {

fake_node::fake_node()
  : thread_{[this] {
      std::unique_lock lock{mutex_};
      while (true) {
        changed_.wait(lock, [&] { return ends_ || !queue_.empty(); });
        if (queue_.empty())
          return;
        const auto work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        lock.lock();
      }
    }} {}

fake_node::~fake_node() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::vector<offered_event> fake_node::published() const {
  const std::lock_guard lock{mutex_};
  return published_;
}
std::size_t fake_node::publishes() const {
  const std::lock_guard lock{mutex_};
  return publishes_;
}
std::vector<std::pair<std::string, std::string>> fake_node::asked() const {
  const std::lock_guard lock{mutex_};
  return asked_;
}
std::vector<std::pair<event_id, duration>> fake_node::waits() const {
  const std::lock_guard lock{mutex_};
  return waits_;
}
std::vector<stream_filter> fake_node::filters() const {
  const std::lock_guard lock{mutex_};
  return filters_;
}

bool fake_node::wait_until(const std::function<bool()>& holds) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, std::chrono::seconds{10}, holds);
}
bool fake_node::wait_for_publishes(std::size_t count) {
  return wait_until([&] { return publishes_ >= count; });
}
bool fake_node::wait_for_waits(std::size_t count) {
  return wait_until([&] { return waits_.size() >= count; });
}
bool fake_node::wait_for_streams(std::size_t count) {
  return wait_until([&] { return sinks_.size() == count; });
}

void fake_node::release_publishes() {
  std::vector<std::function<void()>> held;
  {
    const std::lock_guard lock{mutex_};
    held.swap(held_publishes_);
  }
  for (auto& each : held)
    later(std::move(each));
}

void fake_node::release_waits(bool ended) {
  std::vector<std::function<void(bool)>> held;
  {
    const std::lock_guard lock{mutex_};
    held.swap(held_waits_);
  }
  for (auto& each : held)
    later([each, ended] { each(ended); });
}

bool fake_node::wait_for_resumes(std::size_t count) {
  return wait_until([&] { return resumes_ >= count; });
}

std::vector<stream_taken> fake_node::emit(const std::vector<stream_message>& messages, bool live) {
  std::promise<std::vector<stream_taken>> said;
  later([&] {
    std::map<std::uint64_t, stream_sink> sinks;
    {
      const std::lock_guard lock{mutex_};
      sinks = sinks_;
    }
    std::vector<stream_taken> answers;
    for (const auto& [number, sink] : sinks) {
      answers.push_back(sink(messages, live));
      if (answers.back() == stream_taken::gone) {
        const std::lock_guard lock{mutex_};
        sinks_.erase(number);
        changed_.notify_all();
      }
    }
    said.set_value(answers);
  });
  return said.get_future().get();
}

instant fake_node::now() const {
  return *parse_rfc3339("2026-01-31T12:00:00Z") + std::chrono::seconds{seconds_gone.load()};
}

publish_reply fake_node::accept(const std::vector<offered_event>& events) {
  publish_reply reply;
  for (const offered_event& each : events)
    reply.members.push_back({errc::none, false, {each.shard, ++sequence_}});
  return reply;
}

void fake_node::publish(std::vector<offered_event> events,
                        std::function<void(publish_reply)> done) {
  std::function<void()> work;
  {
    const std::lock_guard lock{mutex_};
    published_.insert(published_.end(), events.begin(), events.end());
    ++publishes_;
    publish_reply reply = on_publish ? on_publish(events) : accept(events);
    work = [done = std::move(done), reply = std::move(reply)] { done(reply); };
    if (holds_publishes)
      held_publishes_.push_back(std::exchange(work, {}));
  }
  changed_.notify_all();
  if (work)
    later(std::move(work));
}

void fake_node::await_event(event_id event, duration timeout, std::function<void(bool)> done) {
  bool held = false;
  {
    const std::lock_guard lock{mutex_};
    waits_.emplace_back(event, timeout);
    held = holds_waits;
    if (held)
      held_waits_.push_back(done);
  }
  changed_.notify_all();
  if (!held)
    later([done = std::move(done), answer = wait_answer] { done(answer); });
}

void fake_node::ask(std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  {
    const std::lock_guard lock{mutex_};
    asked_.emplace_back(operation, arguments_json);
  }
  api_answer answer;
  if (on_ask)
    answer = on_ask(operation, arguments_json);
  else
    answer.body = "{\"operation\":\"" + operation + "\",\"arguments\":" + arguments_json + "}";
  later([done = std::move(done), answer = std::move(answer)] { done(answer); });
}

void fake_node::act(caller by, std::string operation, std::string arguments_json,
                    std::function<void(api_answer)> done) {
  {
    const std::lock_guard lock{mutex_};
    callers_.push_back(std::move(by));
  }
  ask(std::move(operation), std::move(arguments_json), std::move(done));
}

std::vector<caller> fake_node::callers() const {
  const std::lock_guard lock{mutex_};
  return callers_;
}

std::uint64_t fake_node::subscribe(stream_filter filter, stream_sink deliver) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    number = next_sink_++;
    filters_.push_back(std::move(filter));
    sinks_.emplace(number, std::move(deliver));
  }
  changed_.notify_all();
  return number;
}

void fake_node::resume(std::uint64_t) {
  {
    const std::lock_guard lock{mutex_};
    ++resumes_;
  }
  changed_.notify_all();
}

void fake_node::unsubscribe(std::uint64_t subscription) {
  {
    const std::lock_guard lock{mutex_};
    sinks_.erase(subscription);
  }
  changed_.notify_all();
}

void fake_node::metrics(std::function<void(std::string)> done) {
  later([done = std::move(done)] { done("# TYPE fake gauge\nfake 1\n"); });
}

void fake_node::later(std::function<void()> work) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(work));
  }
  changed_.notify_all();
}

} // namespace skein::test
