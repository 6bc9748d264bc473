// Reading an export back. The whole file is read and checked before the new store takes its place.
#include "journal/chain.hpp"
#include "journal/crc32c.hpp"
#include "journal/history_writer.hpp"
#include "journal/kept_part.hpp"
#include "journal/new_place.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "journal/sqlite_options.hpp"
#include "journal/sqlite_verify.hpp"
#include "journal/store_export.hpp"
#include "journal/store_identity.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/json_reader.hpp"
#include "protocol/text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace skein::journal {

namespace {

errc errc_of_slug(std::string_view text) {
  for (const errc each : all_errc())
    if (slug(each) == text)
      return each;
  return errc::internal;
}

/// The members of one object, each taken by its reader; the first problem sticks.
class line_reader {
 public:
  explicit line_reader(std::string_view line) : from_{line} {}

  template <class Each>
  void object(const Each& each) {
    from_.open_object();
    for (std::string_view name; from_.member(name);)
      each(name);
  }
  template <class Each>
  void array(const Each& each) {
    from_.open_array();
    while (from_.element())
      each();
  }
  std::string text() {
    std::string buffer;
    return std::string{from_.string(buffer)};
  }
  std::string bytes() {
    auto decoded = base64_decode(text());
    if (!decoded) {
      wrong("is no base64");
      return {};
    }
    return std::move(*decoded);
  }
  std::uint64_t number(std::uint64_t most = std::uint64_t{1} << 62) {
    const std::string_view text = from_.number();
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value > most)
      wrong("has a number that cannot be");
    return value;
  }
  instant time() {
    const auto at = parse_rfc3339(text());
    if (!at)
      wrong("has a time that is none");
    return at.value_or(no_instant);
  }
  std::string_view value() { return from_.value(); }
  void wrong(std::string what) {
    if (problem_.empty())
      problem_ = std::move(what);
  }
  /// What is wrong with the line; empty if nothing is.
  std::string problem() {
    from_.finish();
    if (from_.failed())
      return "is no JSON: " + from_.problem().detail;
    return problem_;
  }

 private:
  json_reader from_;
  std::string problem_;
};

class importing {
 public:
  importing(const import_options& options, std::istream& from) : options_{options}, from_{from} {}

  result<export_counts> run() {
    if (auto fits = new_place::check(options_.directory); !fits)
      return fits.error();
    std::string line;
    while (!ended_ && std::getline(from_, line)) {
      ++line_;
      const bool is_cut = from_.eof(); // without its end of line
      line += is_cut ? "" : "\n";
      const std::uint32_t before = crc_;
      crc_ = crc32c(line, crc_);
      if (auto done = read(line, before); !done)
        return done.error();
    }
#ifdef SKEIN_BUG_IMPORT_TAKES_A_CUT_FILE
    ended_ = true;
#endif
    if (!ended_)
      return error{errc::invalid_argument, "the end of the export is missing after line " +
                                               std::to_string(line_) + ": the file was cut"};
    if (from_.peek() != std::istream::traits_type::eof())
      return wrong("stands behind the end of the export");
    return settle();
  }

 private:
  error wrong(const std::string& what) const {
    return {errc::invalid_argument, "line " + std::to_string(line_) + " of the export " + what};
  }

  result<void> read(std::string_view line, std::uint32_t crc_before) {
    if (line_ == 1)
      return read_header(line);
    if (line.starts_with("{\"event\":"))
      return read_event(line);
    if (line.starts_with("{\"state\":"))
      return read_state(line);
    if (line.starts_with("{\"end\":"))
      return read_end(line, crc_before);
    return wrong("is none of event, state and end");
  }

  result<void> read_header(std::string_view line) {
    if (line.starts_with(sqlite_head))
      return error{errc::invalid_argument,
                   "this is no export but a file of SQLite, as a backup is: use 'skein backup "
                   "restore'"};
    line_reader reader{line};
    std::uint64_t version = 0;
    identity_.hash.shards = 0;
    reader.object([&](std::string_view name) {
      if (name == "skein_export")
        version = reader.number();
      else if (name == "store_id")
        identity_.store_id = reader.text();
      else if (name == "hash")
        identity_.hash_name = reader.text();
      else if (name == "seed_high")
        identity_.hash.seed_high = word_of_hex(reader.text()).value_or(0);
      else if (name == "seed_low")
        identity_.hash.seed_low = word_of_hex(reader.text()).value_or(0);
      else if (name == "shards")
        identity_.hash.shards = static_cast<std::uint32_t>(reader.number(limits::shards_max));
      else if (name == "boot")
        identity_.boot = reader.number();
      else if (name == "kept")
        reader.object([&](std::string_view member) { read_kept(reader, member); });
      else if (name == "agents")
        reader.array([&] { agents_.push_back(reader.text()); });
      else
        reader.value();
    });
    if (auto problem = reader.problem(); !problem.empty() || version == 0)
      return error{errc::invalid_argument, "this is no export of 'skein journal export'"};
    if (version != static_cast<std::uint64_t>(export_version))
      return error{errc::store_version, "the export has version " + std::to_string(version) +
                                            ", this program knows " +
                                            std::to_string(export_version)};
    if (identity_.store_id.size() != 16 || identity_.hash.shards == 0 ||
        identity_.hash_name != hash_name)
      return wrong("does not say what a store is made with");
    if (raw(kept_.first_commit) == 0 || kept_.first_event == 0 || kept_.swept_to == 0 ||
        kept_.swept_to > kept_.first_event ||
        (raw(kept_.first_commit) > 1 && oldest_ == no_instant))
      return wrong("does not say where the store begins");
    was_shards_ = identity_.hash.shards;
    if (options_.shards != 0)
      identity_.hash.shards = options_.shards;
    return open_writer();
  }

  void read_kept(line_reader& reader, std::string_view name) {
    if (name == "first_commit") {
      kept_.first_commit = commit_no{reader.number()};
    } else if (name == "oldest") {
      oldest_ = reader.time();
    } else if (name == "first_event") {
      kept_.first_event = reader.number();
    } else if (name == "swept_to") {
      kept_.swept_to = reader.number();
    } else if (name == "dropped") {
      const auto dropped = read_ledgers(reader.text());
      if (!dropped)
        reader.wrong("does not say what was dropped");
      kept_.dropped = dropped.value_or(ledgers{});
    } else {
      reader.value();
    }
  }

  result<void> open_writer() {
    if (options_.dry_run)
      return {};
    auto place = new_place::make(options_.directory, store_lock_patience);
    if (!place)
      return place.error();
    place_.emplace(std::move(*place));
    auto made = history_writer::make(place_->folder(), identity_, agents_);
    if (!made)
      return made.error();
    writer_ = std::move(*made);
    kept_.before = first_digest(identity_.store_id);
    writer_->begin_at(kept_, oldest_);
    if (raw(kept_.first_commit) > 1)
      writer_->was_commit(kept_.first_commit, oldest_);
    return {};
  }

  std::optional<agent_no> agent_of(std::string_view name) const {
    const auto at = std::find(agents_.begin(), agents_.end(), name);
    return at == agents_.end()
               ? std::nullopt
               : std::optional{agent_no{static_cast<std::uint16_t>(at - agents_.begin())}};
  }

  result<void> read_event(std::string_view line) {
    line_reader reader{line};
    past_event made;
    event_record& record = made.record;
    std::optional<std::string> body;
    std::string_view structured;
    reader.object([&](std::string_view name) {
      if (name == "event")
        record.event = parse_event_id(reader.text()).value_or(event_id{});
      else if (name == "accepted")
        record.accepted = reader.time();
      else if (name == "due")
        record.due = reader.time();
      else if (name == "expires")
        record.expires = reader.time();
      else if (name == "priority")
        record.priority = parse_priority(reader.text()).value_or(priority_class::hook);
      else if (name == "cloudevent")
        structured = reader.value();
      else if (name == "body_base64")
        body = reader.bytes();
      else if (name == "deliveries")
        reader.array([&] { read_delivery(reader, made); });
      else
        reader.value();
    });
    if (auto problem = reader.problem(); !problem.empty())
      return wrong(problem);
    if (!record.event || record.deliveries.size() > limits::deliveries_per_event_max)
      return wrong("has no number of an event, or too many deliveries");
    if (auto named = name_event(structured, std::move(body), made); !named)
      return named;
    ++counts_.events;
    if (!writer_)
      return {};
    auto added = writer_->add(std::move(made));
    return added || added.error().code != errc::invalid_argument
               ? added
               : wrong(": " + added.error().detail);
  }

  /// By what it is known again: identity and shard, as its key has them here.
  result<void> name_event(std::string_view structured, std::optional<std::string> body,
                          past_event& made) {
    auto value = body ? decode_event(*body) : read_structured(structured);
    if (!value)
      return wrong("has no event: " + value.error().detail);
    const event_print print = print_of(*value, identity_.hash);
    made.identity = print.identity;
    made.content = print.content;
    made.record.body = slice{body ? std::move(*body) : encode_event(*value)};
    if (identity_.hash.shards != was_shards_)
      made.record.event.shard = shard_of(value->key(), identity_.hash);
    return {};
  }

  void read_delivery(line_reader& reader, past_event& made) {
    delivery_record read;
    start_row start;
    reader.object([&](std::string_view name) {
      if (name == "agent") {
        const auto agent = agent_of(reader.text());
        if (!agent)
          reader.wrong("names an agent that the first line does not");
        read.agent = agent.value_or(agent_no{});
      } else if (name == "crashes") {
        start.crashes = static_cast<std::uint32_t>(reader.number(1'000'000));
      } else if (name == "attempts") {
        reader.array([&] { read.add(read_attempt(reader)); });
      } else {
        read_end_of_delivery(reader, name, read);
      }
    });
    ++counts_.deliveries;
    counts_.pending += is_terminal(read.state) ? 0u : 1u;
    made.record.deliveries.push_back(std::move(read));
    made.starts.push_back(start);
  }

  static void read_end_of_delivery(line_reader& reader, std::string_view name,
                                   delivery_record& read) {
    if (name == "state") {
      const auto state = parse_delivery_state(reader.text());
      if (!state)
        reader.wrong("has a state that is none");
      read.state = state.value_or(delivery_state::pending);
    } else if (name == "attempt") {
      read.attempt = static_cast<std::uint32_t>(reader.number(0xffffffff));
    } else if (name == "started") {
      read.started = reader.time();
    } else if (name == "finished") {
      read.finished = reader.time();
    } else if (name == "committed") {
      read.committed = reader.time();
    } else if (name == "code") {
      read.code = errc_of_slug(reader.text());
    } else if (name == "error") {
      read.error = reader.text();
    } else if (name == "error_base64") {
      read.error = reader.bytes();
    } else if (name == "reply_kind") {
      const std::string kind = reader.text();
      read.reply_kind = kind == "json"   ? data_kind::json
                        : kind == "text" ? data_kind::text
                                         : data_kind::binary;
    } else if (name == "reply") {
      read.reply = slice{reader.text()};
    } else if (name == "reply_base64") {
      read.reply = slice{reader.bytes()};
    } else if (name == "emitted") {
      read.emitted = static_cast<std::uint32_t>(reader.number(limits::emits_per_turn_max));
    } else {
      reader.value();
    }
  }

  static attempt_record read_attempt(line_reader& reader) {
    attempt_record read;
    reader.object([&](std::string_view name) {
      if (name == "attempt")
        read.attempt = static_cast<std::uint32_t>(reader.number(0xffffffff));
      else if (name == "started")
        read.started = reader.time();
      else if (name == "finished")
        read.finished = reader.time();
      else if (name == "code")
        read.code = errc_of_slug(reader.text());
      else if (name == "error")
        read.error = reader.text();
      else if (name == "error_base64")
        read.error = reader.bytes();
      else if (name == "next_due")
        read.next_due = reader.time();
      else
        reader.value();
    });
    return read;
  }

  result<void> read_state(std::string_view line) {
    line_reader reader{line};
    std::optional<agent_no> agent;
    std::string key;
    std::string value;
    reader.object([&](std::string_view) {
      reader.object([&](std::string_view name) {
        if (name == "agent")
          agent = agent_of(reader.text());
        else if (name == "key")
          key = reader.text();
        else if (name == "value")
          value = reader.text();
        else if (name == "value_base64")
          value = reader.bytes();
        else
          reader.value();
      });
    });
    if (auto problem = reader.problem(); !problem.empty())
      return wrong(problem);
    if (!agent)
      return wrong("names an agent that the first line does not");
    ++counts_.states;
    return writer_ ? writer_->add_state(*agent, std::move(key), slice{std::move(value)})
                   : result<void>{};
  }

  result<void> read_end(std::string_view line, std::uint32_t crc) {
    line_reader reader{line};
    export_counts told;
    std::string told_crc;
    reader.object([&](std::string_view) {
      reader.object([&](std::string_view name) {
        if (name == "events")
          told.events = reader.number();
        else if (name == "deliveries")
          told.deliveries = reader.number();
        else if (name == "pending")
          told.pending = reader.number();
        else if (name == "states")
          told.states = reader.number();
        else if (name == "crc32c")
          told_crc = reader.text();
        else
          reader.value();
      });
    });
    if (auto problem = reader.problem(); !problem.empty())
      return wrong(problem);
    if (word_of_hex(told_crc) != std::uint64_t{crc})
      return wrong("says that the lines before it were others: the file was changed");
    if (!(told == counts_))
      return wrong("counts other events or states than there are");
    ended_ = true;
    return {};
  }

  result<export_counts> settle() {
    if (!writer_)
      return counts_;
    if (auto done = writer_->finish(); !done)
      return done.error();
    writer_.reset();
    auto verified = verify_sqlite(place_->folder());
    if (!verified)
      return verified.error();
    const ledgers& counted = verified->counted;
    if (!verified->problems.empty() ||
        counted.events.accepted - kept_.dropped.events.accepted != counts_.events ||
        counted.deliveries.pending != counts_.pending || verified->states != counts_.states)
      return error{errc::internal, "the new store is not what the export says"};
    if (auto moved = place_->settle(); !moved)
      return moved.error();
    return counts_;
  }

  const import_options& options_;
  std::istream& from_;
  std::uint64_t line_ = 0;
  std::uint32_t crc_ = 0;
  bool ended_ = false;
  store_identity identity_;
  kept_part kept_;
  instant oldest_ = no_instant; // commit of it
  std::uint32_t was_shards_ = 0;
  std::vector<std::string> agents_;
  std::optional<new_place> place_;
  std::unique_ptr<history_writer> writer_;
  export_counts counts_;
};

} // namespace

result<export_counts> import_sqlite(const import_options& options, std::istream& from) {
  return importing{options, from}.run();
}

} // namespace skein::journal
