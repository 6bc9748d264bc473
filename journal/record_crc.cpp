#include "journal/record_crc.hpp"

#include "journal/crc32c.hpp"

#include <initializer_list>

namespace skein::journal {

namespace {

constexpr std::int64_t size_of(std::string_view text) noexcept {
  return static_cast<std::int64_t>(text.size());
}

/// The numbers, the lengths of the texts among them, and then the texts: no text can be taken for a
/// part of its neighbour.
std::uint32_t crc_of_all(std::initializer_list<std::int64_t> numbers,
                         std::initializer_list<std::string_view> texts) noexcept {
  std::uint32_t crc = crc32c(
      {reinterpret_cast<const char*>(std::data(numbers)), numbers.size() * sizeof(std::int64_t)});
  for (const std::string_view each : texts)
    if (!each.empty())
      crc = crc32c(each, crc);
  return crc;
}

} // namespace

std::uint32_t crc_of(const event_columns& row) noexcept {
  return crc_of_all({row.no, row.shard, row.at, to_ns(row.due), to_ns(row.expires), row.priority,
                     size_of(row.key), size_of(row.deliveries), size_of(row.body)},
                    {row.key, row.deliveries, row.body});
}

std::uint32_t crc_of(const outcome_columns& row) noexcept {
  return crc_of_all({row.id, row.state, row.agent, row.attempt, to_ns(row.started),
                     to_ns(row.finished), row.at, row.code, row.reply_kind, row.emitted,
                     size_of(row.error), size_of(row.reply)},
                    {row.error, row.reply});
}

std::uint32_t crc_of(const attempt_columns& row) noexcept {
  return crc_of_all({row.id, row.attempt, row.agent, to_ns(row.started), to_ns(row.finished),
                     row.code, to_ns(row.next_due), size_of(row.error)},
                    {row.error});
}

std::uint32_t crc_of(const state_columns& row) noexcept {
  return crc_of_all({row.agent, size_of(row.key), size_of(row.value)}, {row.key, row.value});
}

std::uint32_t crc_of(const commit_columns& row) noexcept {
  return crc_of_all({row.no, row.at, row.first_event, row.events, row.low_water,
                     size_of(row.identities), size_of(row.outcomes), size_of(row.ledger),
                     size_of(row.changes)},
                    {row.identities, row.outcomes, row.ledger, row.changes});
}

} // namespace skein::journal
