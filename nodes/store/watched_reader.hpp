// A reader of the journal whose failed reads are told: who asked gets the error and may be a
// stranger, and a store that is damaged is its operator's business.
#pragma once

#include "actors/log_pace.hpp"
#include "actors/ports.hpp"

#include <atomic>
#include <functional>
#include <memory>

namespace skein {

class watched_reader final : public journal::reader {
 public:
  /// `tell` gets the first of them at once, then one a minute at most, on the thread that reads.
  /// `count` counts all.
  watched_reader(std::unique_ptr<journal::reader> of, const clock_port& clock,
                 std::atomic<std::uint64_t>& count, std::function<void(error)> tell);

  result<std::optional<journal::event_record>> find(event_id event) override;
  result<std::vector<slice>> bodies(std::span<const event_id> events) override;
  result<journal::event_page> list(const journal::event_filter& filter) override;
  result<journal::event_page> list_dead(const journal::dead_filter& filter) override;
  result<std::vector<journal::pending_delivery>>
  pending(std::span<const std::uint64_t> sequences) override;
  result<journal::timer_page> timers(const journal::timer_query& which) override;
  result<std::optional<slice>> state_of(agent_no agent, std::string_view key) override;
  result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                            std::size_t limit) override;
  result<feed> commits_after(commit_no after, std::size_t limit) override;

 private:
  template <class T>
  result<T> seen(result<T> answer);

  std::unique_ptr<journal::reader> reader_;
  const clock_port& clock_;
  std::atomic<std::uint64_t>& count_;
  std::function<void(error)> tell_;
  log_pace pace_;
};

} // namespace skein
