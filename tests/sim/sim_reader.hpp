// A reader whose rows of pending deliveries leave out every third body, as those of large events
// do: the loops have to ask for it before such a turn starts.
#pragma once

#include "journal/journal.hpp"

#include <functional>
#include <memory>
#include <utility>

namespace skein::test {

class sim_reader : public journal::reader {
 public:
  sim_reader(std::unique_ptr<journal::reader> from, std::function<void()> bodies_are_read)
    : from_{std::move(from)}, bodies_are_read_{std::move(bodies_are_read)} {}

  result<std::vector<journal::pending_delivery>>
  pending(std::span<const std::uint64_t> sequences) override {
    auto rows = from_->pending(sequences);
    if (rows)
      for (journal::pending_delivery& each : *rows)
        if (each.delivery.event.sequence % 3 == 0)
          each.body = {};
    return rows;
  }

  result<std::vector<slice>> bodies(std::span<const event_id> events) override {
    bodies_are_read_();
    return from_->bodies(events);
  }

  result<std::optional<journal::event_record>> find(event_id event) override {
    return from_->find(event);
  }
  result<journal::event_page> list(const journal::event_filter& filter) override {
    return from_->list(filter);
  }
  result<journal::event_page> list_dead(const journal::dead_filter& filter) override {
    return from_->list_dead(filter);
  }
  result<journal::timer_page> timers(const journal::timer_query& which) override {
    return from_->timers(which);
  }
  result<std::optional<slice>> state_of(agent_no agent, std::string_view key) override {
    return from_->state_of(agent, key);
  }
  result<state_page> states(agent_no agent, std::string_view after, std::string_view before,
                            std::size_t limit) override {
    return from_->states(agent, after, before, limit);
  }
  result<feed> commits_after(commit_no after, std::size_t limit) override {
    return from_->commits_after(after, limit);
  }

 private:
  std::unique_ptr<journal::reader> from_;
  std::function<void()> bodies_are_read_;
};

} // namespace skein::test
