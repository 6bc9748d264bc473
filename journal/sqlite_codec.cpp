#include "journal/sqlite_codec.hpp"

#include "journal/byte_words.hpp"

#include <charconv>

namespace skein::journal {

namespace {

/// A decimal number from the front of the text.
template <class Number>
bool take_number(std::string_view& text, Number& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{})
    return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

constexpr std::array ledger_columns{&ledger::accepted,  &ledger::done,       &ledger::dead,
                                    &ledger::cancelled, &ledger::superseded, &ledger::expired,
                                    &ledger::purged};

} // namespace

std::string_view delivery_text::write(const delivery_list& agents) {
  char* const end = buffer_.data() + buffer_.size();
  char* at = buffer_.data();
  *at++ = '[';
  for (const agent_no agent : agents) {
    if (at != buffer_.data() + 1)
      *at++ = ',';
    at = std::to_chars(at, end, raw(agent)).ptr;
  }
  *at++ = ']';
  return {buffer_.data(), static_cast<std::size_t>(at - buffer_.data())};
}

std::optional<delivery_list> read_deliveries(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']')
    return std::nullopt;
  text.remove_prefix(1);
  delivery_list agents;
  while (text != "]") {
    std::uint16_t number = 0;
    if ((agents.size() > 0 && text.front() != ',') ||
        agents.size() == limits::deliveries_per_event_max)
      return std::nullopt;
    text.remove_prefix(agents.size() > 0 ? 1 : 0);
    if (!take_number(text, number) || text.empty())
      return std::nullopt;
    agents.add(agent_no{number});
  }
  return agents;
}

void append_identity(std::string& out, const identity_entry& entry) {
  append_word(out, entry.identity.high);
  append_word(out, entry.identity.low);
  append_word(out, entry.content);
}

identity_entry read_identity(std::string_view blob, std::size_t index) {
  const std::string_view bytes = blob.substr(index * identity_entry_bytes);
  SKEIN_CHECK(bytes.size() >= identity_entry_bytes);
  return {{read_word(bytes), read_word(bytes.substr(8))}, read_word(bytes.substr(16))};
}

void outcome_list_writer::add(const delivery_id& delivery) {
  const std::int64_t row = row_of(delivery);
  const std::int64_t step = row - last_;
  append_varint(bytes_,
                static_cast<std::uint64_t>(step) << 1 ^ static_cast<std::uint64_t>(step >> 63));
  append_varint(bytes_, raw(delivery.event.shard));
  last_ = row;
}

std::optional<std::vector<delivery_id>> read_outcome_list(std::string_view bytes) {
  std::vector<delivery_id> all;
  std::uint64_t row = 0;
  while (!bytes.empty()) {
    const auto step = take_varint(bytes);
    const auto shard = take_varint(bytes);
    if (!step || !shard || *shard >= limits::shards_max)
      return std::nullopt;
    row += *step >> 1 ^ (~(*step & 1) + 1);
    all.push_back({{shard_id{static_cast<std::uint32_t>(*shard)}, row / 16},
                   static_cast<std::uint8_t>(row % 16)});
  }
  return all;
}

std::string write_ledgers(const ledgers& totals) {
  std::string text;
  for (const ledger* each : {&totals.events, &totals.deliveries})
    for (const auto column : ledger_columns) {
      if (!text.empty())
        text += ' ';
      text += std::to_string(each->*column);
    }
  return text;
}

std::optional<ledgers> read_ledgers(std::string_view text) {
  ledgers totals;
  bool first = true;
  for (ledger* each : {&totals.events, &totals.deliveries})
    for (const auto column : ledger_columns) {
      if (!first && (text.empty() || text.front() != ' '))
        return std::nullopt;
      text.remove_prefix(first ? 0 : 1);
      first = false;
      if (!take_number(text, each->*column))
        return std::nullopt;
    }
  return text.empty() ? std::optional{totals} : std::nullopt;
}

void append_attempt(std::string& changes, const attempt_name& attempt) {
  append_word(changes, static_cast<std::uint64_t>(attempt.id));
  append_number(changes, attempt.attempt, 4);
}

std::optional<std::vector<attempt_name>> read_attempts(std::string_view changes) {
  constexpr std::size_t entry_bytes = 12;
  std::vector<attempt_name> all;
  if (changes.empty())
    return all;
  if (changes.size() % entry_bytes != changes_crc_bytes)
    return std::nullopt;
  for (changes.remove_prefix(changes_crc_bytes); !changes.empty();
       changes.remove_prefix(entry_bytes))
    all.push_back({static_cast<std::int64_t>(read_word(changes)),
                   static_cast<std::uint32_t>(read_number(changes.substr(8), 4))});
  return all;
}

} // namespace skein::journal
