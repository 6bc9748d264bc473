// A run whose event is looked up: the search of the journal ends at its budget, and goes on.
#include "actors/jobs/job_reading.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

/// An event below so many pages without any.
class paged_reader final : public journal::reader {
 public:
  explicit paged_reader(std::uint64_t empty_pages) : left_{empty_pages} {}

  bool has_event = true;
  std::optional<journal::event_record> also; // on the last page, in front of it
  errc fails = errc::none;
  std::size_t asked = 0;

  result<journal::event_page> list(const journal::event_filter& filter) override {
    ++asked;
    CHECK(filter.before == (asked == 1 ? 0 : left_ + 1));
    if (fails != errc::none)
      return fails;
    journal::event_page page;
    if (left_ > 0) {
      page.budget_spent = true;
      page.next = left_--;
      return page;
    }
    if (also)
      page.events.push_back(*also);
    if (has_event)
      page.events.emplace_back().event = {shard_id{1}, 1};
    return page;
  }
  result<std::optional<journal::event_record>> find(event_id event) override {
    journal::event_record found;
    found.event = event;
    return std::optional{found};
  }
  result<std::vector<slice>> bodies(std::span<const event_id>) override { return errc::internal; }
  result<journal::event_page> list_dead(const journal::dead_filter&) override {
    return errc::internal;
  }
  result<std::vector<journal::pending_delivery>> pending(std::span<const std::uint64_t>) override {
    return errc::internal;
  }
  result<journal::timer_page> timers(const journal::timer_query&) override {
    return errc::internal;
  }
  result<std::optional<slice>> state_of(agent_no, std::string_view) override {
    return errc::internal;
  }
  result<state_page> states(agent_no, std::string_view, std::string_view, std::size_t) override {
    return errc::internal;
  }
  result<feed> commits_after(commit_no, std::size_t) override { return errc::internal; }

 private:
  std::uint64_t left_;
};

} // namespace

TEST_CASE("an event that lies behind the search's budget has not gone") {
  paged_reader reader{3};
  const auto found = find_run(reader, {}, "j", "j@2026-11-29T09:00:00Z", std::nullopt);
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((**found).event == event_id{shard_id{1}, 1});
  CHECK(reader.asked == 4);
}

TEST_CASE("an event has gone only when the search came to its end") {
  paged_reader reader{2};
  reader.has_event = false;
  const auto gone = find_run(reader, {}, "j", "j@2026-11-29T09:00:00Z", std::nullopt);
  REQUIRE(gone);
  CHECK_FALSE(gone->has_value());
  reader.fails = errc::internal;
  reader.asked = 0;
  CHECK_FALSE(find_run(reader, {}, "j", "j@2026-11-29T09:00:00Z", std::nullopt));
}

TEST_CASE("on a shared store a run is its event, and its box only as long as that is alone") {
  constexpr agent_no outbox{4};
  const bool event_is_there = GENERATE(true, false);
  paged_reader reader{1};
  journal::event_record box;
  box.event = {shard_id{0}, 9};
  box.deliveries.emplace_back().agent = outbox;
  reader.also = box;
  reader.has_event = event_is_there;
  const run_places places{agent_no{}, outbox};
  const auto found = find_run(reader, places, "j", "j@2026-11-29T09:00:00Z", std::nullopt);
  REQUIRE(found);
  REQUIRE(*found);
  CHECK(places.is_box(**found) == !event_is_there);
}

TEST_CASE("an event whose number is known is not searched for") {
  paged_reader reader{5};
  const auto found = find_run(reader, {}, "j", "x", event_id{shard_id{3}, 7});
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((**found).event.sequence == 7);
  CHECK(reader.asked == 0);
}

TEST_CASE("the state of a job keeps the number of a run's event, and is read without one too") {
  kept_job one{"j"};
  one.running.push_back({instant{}, "j@a", event_id{shard_id{17}, 42}, record_kind::fired, false});
  one.running.push_back({instant{}, "j@b"});
  kept_job read{"j"};
  read_state(read, state_text(one));
  REQUIRE(read.running.size() == 2);
  CHECK(read.running.front().event == event_id{shard_id{17}, 42});
  CHECK_FALSE(read.running.back().event);
}
