#include "journal/saved_marks.hpp"

#include "journal/crc32c.hpp"
#include "journal/pending_codec.hpp"
#include "journal/record_crc.hpp"
#include "journal/sqlite_codec.hpp"

#include <string>

namespace skein::journal {

std::int64_t crc_of_position(const saved_position& position) {
  return stored_crc(crc32c(std::to_string(raw(position.upto)) + ' ' +
                           std::to_string(position.range_events) + ' ' +
                           std::to_string(position.routes)));
}

std::int64_t crc_of_range(std::uint64_t number, commit_no upto, std::uint64_t events,
                          std::string_view packed) {
  const std::string head =
      std::to_string(number) + ' ' + std::to_string(raw(upto)) + ' ' + std::to_string(events) + ' ';
  return stored_crc(crc32c(packed, crc32c(head)));
}

std::int64_t crc_of_route(std::int64_t code, std::string_view deliveries) {
  return stored_crc(crc32c(std::to_string(code) + ' ' + std::string{deliveries}));
}

std::optional<saved_position> position_at(statement& row) {
  if (row.natural(2) > route_codes_max)
    return std::nullopt;
  const saved_position found{commit_no{row.natural(0)}, row.natural(1),
                             static_cast<route_code>(row.natural(2))};
  return row.integer(3) == crc_of_position(found) ? std::optional{found} : std::nullopt;
}

std::optional<placed_marks> marks_at(statement& row, std::uint64_t range_events) {
  const std::string_view packed = row.blob(3);
  if (row.integer(4) !=
      crc_of_range(row.natural(0), commit_no{row.natural(1)}, row.natural(2), packed))
    return std::nullopt;
  auto marks = packed.empty() ? std::optional{placed_marks{}} : unpack_marks(packed, range_events);
  return marks && marks->size() == row.natural(2) ? std::move(marks) : std::nullopt;
}

std::optional<delivery_list> route_at(statement& row) {
  return row.integer(2) == crc_of_route(row.integer(0), row.text(1)) ? read_deliveries(row.text(1))
                                                                     : std::nullopt;
}

} // namespace skein::journal
