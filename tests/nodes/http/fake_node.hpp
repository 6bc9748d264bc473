// An engine that does what a test tells it: answers at once or when told, from a thread of its own
// as the real one does, and remembers what it was asked.
#pragma once

#include "actors/access/token_book.hpp"
#include "actors/api.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace skein::test {

class fake_node final : public node_api {
 public:
  fake_node();
  ~fake_node() override;

  // What a test sets before it asks.
  event_limits bounds;
  errc unready = errc::none;
  bool holds_publishes = false; // answers come with release_publishes
  bool holds_waits = false;     // likewise with release_waits
  bool wait_answer = true;
  std::function<publish_reply(const std::vector<offered_event>&)> on_publish; // empty: all durable
  std::function<api_answer(const std::string&, const std::string&)> on_ask;   // empty: echoes

  token_book book;
  std::atomic<std::int64_t> seconds_gone{0}; // of now()

  // What it saw. Copies: the server's thread goes on.
  std::vector<offered_event> published() const;
  std::size_t publishes() const;
  std::vector<std::pair<std::string, std::string>> asked() const;
  std::vector<caller> callers() const; // of commands
  std::vector<std::pair<event_id, duration>> waits() const;
  std::vector<stream_filter> filters() const;

  /// Until that many publishes, waits or open streams are there; false when they do not come.
  bool wait_for_publishes(std::size_t count);
  bool wait_for_waits(std::size_t count);
  bool wait_for_streams(std::size_t count);
  void release_publishes();
  void release_waits(bool ended);
  /// To every stream, from the engine's thread; returns when all took it, with what the sinks said.
  std::vector<stream_taken> emit(const std::vector<stream_message>& messages, bool live = true);
  bool wait_for_resumes(std::size_t count);

  // node_api
  const hash_settings& hash() const override { return hash_; }
  const event_limits& event_bounds() const override { return bounds; }
  instant now() const override;
  void publish(std::vector<offered_event> events, std::function<void(publish_reply)> done) override;
  void await_event(event_id event, duration timeout, std::function<void(bool)> done) override;
  void ask(std::string operation, std::string arguments_json,
           std::function<void(api_answer)> done) override;
  void act(caller by, std::string operation, std::string arguments_json,
           std::function<void(api_answer)> done) override;
  const token_book& tokens() const override { return book; }
  std::uint64_t subscribe(stream_filter filter, stream_sink deliver) override;
  void resume(std::uint64_t subscription) override;
  void unsubscribe(std::uint64_t subscription) override;
  errc readiness() const override { return unready; }
  void metrics(std::function<void(std::string)> done) override;

 private:
  void later(std::function<void()> work);
  bool wait_until(const std::function<bool()>& holds);
  publish_reply accept(const std::vector<offered_event>& events);

  hash_settings hash_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t sequence_ = 0;
  std::vector<offered_event> published_;
  std::size_t publishes_ = 0;
  std::vector<std::function<void()>> held_publishes_;
  std::vector<std::pair<event_id, duration>> waits_;
  std::vector<std::function<void(bool)>> held_waits_;
  std::vector<std::pair<std::string, std::string>> asked_;
  std::vector<caller> callers_;
  std::vector<stream_filter> filters_;
  std::map<std::uint64_t, stream_sink> sinks_;
  std::uint64_t next_sink_ = 1;
  std::size_t resumes_ = 0;

  std::deque<std::function<void()>> queue_;
  bool ends_ = false;
  std::thread thread_;
};

} // namespace skein::test
