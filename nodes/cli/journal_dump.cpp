// skein journal dump: the records of a store as they stand, damaged ones named in their places.
#include "journal/sqlite_dump.hpp"
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

struct dump_flags {
  std::optional<std::string> data, commits, events, key, event;
  bool payload = false;
};

/// "A..B", "A.." or "A".
std::optional<journal::number_range> read_range(std::string_view text) {
  journal::number_range range;
  const auto take = [&](std::uint64_t& number) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return problem == std::errc{};
  };
  if (!take(range.first))
    return std::nullopt;
  range.last = range.first;
  if (text.starts_with("..")) {
    text.remove_prefix(2);
    range.last = journal::number_range{}.last;
    if (!text.empty() && !take(range.last))
      return std::nullopt;
  }
  return text.empty() && range.first <= range.last ? std::optional{range} : std::nullopt;
}

json view(const journal::dump_record& record) {
  json view = {{"record", record.kind}};
  for (const auto& [name, value] : record.values)
    if (const auto* number = std::get_if<std::int64_t>(&value))
      view[name] = *number;
    else
      view[name] = std::get<std::string>(value);
  return view;
}

std::string row_text(const journal::dump_record& record) {
  std::string text;
  for (const auto& [name, value] : record.values) {
    text += text.empty() ? "" : " ";
    const auto* number = std::get_if<std::int64_t>(&value);
    text += fmt::format("{}={}", name,
                        number != nullptr ? std::to_string(*number)
                                          : shell_quoted(std::get<std::string>(value)));
  }
  return text;
}

/// Another shard's: records are looked for by the number behind the dash alone.
bool is_of_other(const journal::dump_record& record, const std::string& event) {
  return std::any_of(record.values.begin(), record.values.end(), [&](const auto& each) {
    return each.first == "event" && std::get<std::string>(each.second) != event;
  });
}

int dump(context& at, const dump_flags& flags, const std::string& folder) {
  journal::dump_options options{.directory = folder};
  options.payload = flags.payload;
  options.key = flags.key;
  for (const auto& [text, into] :
       {std::pair{&flags.commits, &options.commits}, std::pair{&flags.events, &options.events}})
    if (*text) {
      *into = read_range(**text);
      if (!*into)
        return complain(at, exit_code::usage,
                        {fmt::format("'{}' is no range", **text), "a range is FIRST..LAST",
                         "100..120 or 100..", std::string{slug(errc::invalid_argument)}});
    }
  if (flags.event) {
    const auto event = parse_event_id(*flags.event);
    if (!event)
      return complain(at, exit_code::usage,
                      {fmt::format("'{}' is no number of an event", *flags.event), "", "17-42",
                       std::string{slug(errc::invalid_argument)}});
    options.events = journal::number_range{event->sequence, event->sequence};
  }
  const bool is_array = at.global.output == output_format::json;
  std::uint64_t shown = 0;
  if (is_array)
    at.world.out << '[';
  const auto summary = journal::dump_sqlite(options, [&](const journal::dump_record& record) {
    if (flags.event && is_of_other(record, *flags.event))
      return true;
    if (at.global.output == output_format::table)
      at.world.out << record.kind << '\t' << row_text(record) << '\n';
    else
      at.world.out << (is_array && shown > 0 ? ",\n" : "")
                   << view(record).dump(-1, ' ', false, json::error_handler_t::replace)
                   << (is_array ? "" : "\n");
    ++shown;
    return static_cast<bool>(at.world.out);
  });
  if (is_array)
    at.world.out << "]\n";
  at.world.out.flush();
  if (!summary)
    return complain_of_store(at, fmt::format("the store in {} cannot be read", options.directory),
                             summary.error(), "name the folder of a store with --data");
  if (summary->damaged > 0)
    return complain(at, exit_code::failed,
                    {fmt::format("the store in {} is damaged", options.directory),
                     fmt::format("{} records or gaps are damaged; each is named in its place",
                                 summary->damaged),
                     "look at what is lost with: skein journal repair",
                     std::string{slug(errc::store_corrupt)}});
  if (shown == 0 && flags.event)
    return complain_of_store(
        at, fmt::format("event {} is not shown", *flags.event),
        {errc::not_found, fmt::format("it is not in the store in {}", options.directory)},
        "it may be older than what retention keeps; see: skein journal dump --commits 1..");
  if (shown == 0)
    say(at, "no record is so; leave an option out to see more");
  return exit_code::done;
}

} // namespace

handler define_journal_dump(CLI::App& app) {
  auto flags = std::make_shared<dump_flags>();
  add_text(app, "--data", flags->data, "DIR", "folder of the store (default ./skein-data)");
  add_text(app, "--commits", flags->commits, "A..B", "only these commits, with what they wrote");
  add_text(app, "--events", flags->events, "A..B",
           "only the events of these numbers (42 of 17-42)");
  add_text(app, "--event", flags->event, "EVENT", "only this event and what came of it");
  add_text(app, "--key", flags->key, "KEY", "only the events and states of this key");
  add_flag(app, "--payload", flags->payload, "with bodies, replies and states; else their sizes");
  return on_folder(
      folder_option{flags, &flags->data},
      "read the tables of its schema with psql, or its view 'delivery'",
      [flags](context& at, const std::string& named) { return dump(at, *flags, named); });
}

} // namespace skein::cli
