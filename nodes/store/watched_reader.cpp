#include "nodes/store/watched_reader.hpp"

#include <utility>

namespace skein {

watched_reader::watched_reader(std::unique_ptr<journal::reader> of, const clock_port& clock,
                               std::atomic<std::uint64_t>& count, std::function<void(error)> tell)
  : reader_{std::move(of)}, clock_{clock}, count_{count}, tell_{std::move(tell)} {}

template <class T>
result<T> watched_reader::seen(result<T> answer) {
  if (answer.ok())
    return answer;
  const error& why = answer.error();
  if (why.code != errc::store_corrupt && why.code != errc::io_error)
    return answer;
  ++count_;
  if (const auto more = pace_.next(clock_.now().boot); more && tell_)
    tell_({why.code, why.detail + *more});
  return answer;
}

result<std::optional<journal::event_record>> watched_reader::find(event_id event) {
  return seen(reader_->find(event));
}

result<std::vector<slice>> watched_reader::bodies(std::span<const event_id> events) {
  return seen(reader_->bodies(events));
}

result<journal::event_page> watched_reader::list(const journal::event_filter& filter) {
  return seen(reader_->list(filter));
}

result<journal::event_page> watched_reader::list_dead(const journal::dead_filter& filter) {
  return seen(reader_->list_dead(filter));
}

result<std::vector<journal::pending_delivery>>
watched_reader::pending(std::span<const std::uint64_t> sequences) {
  auto rows = seen(reader_->pending(sequences));
  if (rows)
    for (const journal::pending_delivery& each : *rows)
      if (each.damage.code != errc::none)
        static_cast<void>(seen(result<void>{each.damage}));
  return rows;
}

result<journal::timer_page> watched_reader::timers(const journal::timer_query& which) {
  return seen(reader_->timers(which));
}

result<std::optional<slice>> watched_reader::state_of(agent_no agent, std::string_view key) {
  return seen(reader_->state_of(agent, key));
}

result<journal::reader::state_page> watched_reader::states(agent_no agent, std::string_view after,
                                                           std::string_view before,
                                                           std::size_t limit) {
  return seen(reader_->states(agent, after, before, limit));
}

result<journal::reader::feed> watched_reader::commits_after(commit_no after, std::size_t limit) {
  return seen(reader_->commits_after(after, limit));
}

} // namespace skein
