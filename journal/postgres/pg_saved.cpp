#include "journal/postgres/pg_saved.hpp"

#include "journal/byte_words.hpp"
#include "journal/crc32c.hpp"
#include "journal/pending_codec.hpp"
#include "journal/postgres/pg_batch.hpp"
#include "journal/postgres/pg_window.hpp"

namespace skein::journal {

namespace {

const pg_statement put_ranges{
    "put_ranges", "INSERT INTO pending_range (shard, range, crc, marks) "
                  "SELECT * FROM unnest($1::int4[], $2::int8[], $3::int4[], $4::bytea[]) "
                  "ON CONFLICT (shard, range) DO UPDATE SET crc = excluded.crc, "
                  "marks = excluded.marks"};
const pg_statement drop_ranges{"drop_ranges",
                               "DELETE FROM pending_range p USING unnest($1::int4[], $2::int8[]) "
                               "AS d(shard, range) WHERE p.shard = d.shard AND p.range = d.range"};
const pg_statement note_saved{"note_saved",
                              "UPDATE saved SET upto = $2, identities = CASE WHEN d.closed THEN "
                              "greatest(identities, $2) ELSE identities END "
                              "FROM unnest($1::int4[], $3::bool[]) AS d(shard, closed) "
                              "WHERE saved.shard = d.shard"};

} // namespace

std::string pack_shard_marks(const placed_marks& marks, const route_book& routes) {
  std::map<route_code, route_code> codes; // of the book, of the row
  std::string lists;
  placed_marks mine = marks;
  for (placed_mark& each : mine) {
    const route_code route = each.mark.route();
    if (route == 0)
      continue;
    const auto [at, is_new] = codes.emplace(route, static_cast<route_code>(codes.size() + 1));
    if (is_new) {
      const delivery_list* list = routes.find(route);
      SKEIN_CHECK(list != nullptr);
      append_varint(lists, list->size());
      for (const agent_no agent : *list)
        append_varint(lists, raw(agent));
    }
    each.mark.tag = pending_mark::tag_of(at->second, each.mark.delayed(), each.mark.expires());
  }
  std::string out;
  append_varint(out, codes.size());
  return out + lists + pack_marks(mine);
}

std::optional<placed_marks> unpack_shard_marks(std::string_view bytes, std::uint64_t range_events,
                                               route_book& routes) {
  const auto count = take_varint(bytes);
  if (!count || *count > route_codes_max)
    return std::nullopt;
  std::vector<route_code> codes{0};
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto agents = take_varint(bytes);
    if (!agents || *agents > limits::deliveries_per_event_max)
      return std::nullopt;
    delivery_list list;
    for (std::uint64_t a = 0; a < *agents; ++a) {
      const auto agent = take_varint(bytes);
      if (!agent || *agent > 0xffff)
        return std::nullopt;
      list.add(agent_no{static_cast<std::uint16_t>(*agent)});
    }
    codes.push_back(routes.code_of(list));
  }
  auto marks = unpack_marks(bytes, range_events);
  if (!marks)
    return std::nullopt;
  for (placed_mark& each : *marks) {
    if (each.mark.route() >= codes.size())
      return std::nullopt;
    each.mark.tag =
        pending_mark::tag_of(codes[each.mark.route()], each.mark.delayed(), each.mark.expires());
  }
  return marks;
}

result<void> pg_saved::save(pg_connection& db, std::string_view owner, store_state& state,
                            const pg_window& window, const std::map<shard_id, epoch_no>& held,
                            std::uint64_t xid) {
  pg_array put_shard{pg_type::int4}, put_range{pg_type::int8}, put_crc{pg_type::int4},
      put_marks{pg_type::bytea};
  pg_array gone_shard{pg_type::int4}, gone_range{pg_type::int8};
  std::map<place, std::uint32_t> wrote;
  std::vector<place> gone;
  const std::vector<std::uint64_t> changed = state.pending().changed_ranges();
  for (const std::uint64_t range : changed) {
    std::map<shard_id, placed_marks> by_shard;
    for (const placed_mark& each : state.pending().marks_of(range))
      by_shard[shard_id{each.mark.shard}].push_back(each);
    for (const auto& [shard, marks] : by_shard) {
      const std::string bytes = pack_shard_marks(marks, state.routes());
      const std::uint32_t crc = crc32c(bytes);
      if (const auto known = rows_.find({shard, range});
          known != rows_.end() && known->second == crc)
        continue;
      put_shard.add_int4(raw(shard));
      put_range.add_int8(range);
      put_crc.add_int4(static_cast<std::int32_t>(crc));
      put_marks.add_bytes(bytes);
      wrote[{shard, range}] = crc;
    }
    for (const auto& [shard, epoch] : held)
      if (!by_shard.contains(shard) && rows_.contains({shard, range})) {
        gone.emplace_back(shard, range);
        gone_shard.add_int4(raw(shard));
        gone_range.add_int8(range);
      }
  }
  pg_array shards{pg_type::int4}, epochs{pg_type::int8}, closed{pg_type::boolean};
  for (const auto& [shard, epoch] : held) {
    shards.add_int4(raw(shard));
    epochs.add_int8(raw(epoch));
    closed.add_bool(window.is_all_closed(shard));
  }
  pg_params lock, put, drop, note;
  lock.array(shards).array(epochs).text(owner).int8(shards.size());
  put.array(put_shard).array(put_range).array(put_crc).array(put_marks);
  drop.array(gone_shard).array(gone_range);
  note.array(shards).xid(xid).array(closed);
  const auto done = db.execute_all({{&begin_statement, nullptr},
                                    {&lock_fences, &lock},
                                    {&put_ranges, &put},
                                    {&drop_ranges, &drop},
                                    {&note_saved, &note},
                                    {&commit_statement, nullptr}});
  if (!done) {
    const bool is_lost = db.sqlstate() == fence_lost_state;
    db.roll_back();
    return is_lost ? error{errc::fenced, "a shard was taken by another owner"} : done.error();
  }
  for (const place& each : gone)
    rows_.erase(each);
  for (const auto& [where, crc] : wrote)
    rows_[where] = crc;
  for (const std::uint64_t range : changed)
    state.pending().set_unchanged(range);
  return {};
}

void pg_saved::forget(std::span<const shard_id> shards) {
  for (const shard_id each : shards)
    std::erase_if(rows_, [each](const auto& row) { return row.first.first == each; });
}

} // namespace skein::journal
