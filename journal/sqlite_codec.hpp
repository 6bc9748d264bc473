// The few values in journal.db that are more than one number, and reading them back. Reading is
// total: bytes that were not written by us give an empty optional.
#pragma once

#include "journal/journal.hpp"
#include "journal/ledgers.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skein::journal {

/// The number of a delivery in the tables.
constexpr std::int64_t row_of(const delivery_id& delivery) noexcept {
  return static_cast<std::int64_t>(delivery.event.sequence * 16 + delivery.index);
}
static_assert(limits::deliveries_per_event_max == 16);

/// A list of agents as "[0,3]", in a buffer of its own.
class delivery_text {
 public:
  std::string_view write(const delivery_list& agents);

 private:
  std::array<char, 2 + limits::deliveries_per_event_max * 6> buffer_;
};
std::optional<delivery_list> read_deliveries(std::string_view text);

/// An accepted event in commits.identities.
struct identity_entry {
  hash128 identity;
  std::uint64_t content = 0;
};
inline constexpr std::size_t identity_entry_bytes = 24;
void append_identity(std::string& out, const identity_entry& entry);
/// Entry number `index`; the caller keeps within blob.size() / identity_entry_bytes.
identity_entry read_identity(std::string_view blob, std::size_t index);

/// The deliveries in commits.outcomes.
class outcome_list_writer {
 public:
  void clear() {
    bytes_.clear();
    last_ = 0;
  }
  void add(const delivery_id& delivery);
  std::string_view bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
  std::int64_t last_ = 0;
};
std::optional<std::vector<delivery_id>> read_outcome_list(std::string_view bytes);

/// An attempt in commits.changes, which begins with a CRC of four bytes.
struct attempt_name {
  std::int64_t id = 0; // the delivery's number
  std::uint32_t attempt = 0;
};
inline constexpr std::size_t changes_crc_bytes = 4;
void append_attempt(std::string& changes, const attempt_name& attempt);
std::optional<std::vector<attempt_name>> read_attempts(std::string_view changes);

/// commits.ledger: the running totals, without pending.
std::string write_ledgers(const ledgers& totals);
std::optional<ledgers> read_ledgers(std::string_view text);

} // namespace skein::journal
