#include "nodes/demo/commands.hpp"

#include "nodes/config/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace skein::demo {

namespace {

constexpr std::chrono::seconds slow_max{10};
constexpr std::chrono::minutes wait_max{60};

/// What stands behind a verb.
enum class shape : std::uint8_t { none, nodes, any_nodes, link, slow_link, span };

struct row {
  command_row shown;
  shape takes;
};

constexpr std::array rows{
    row{{"status", "", "nodes, their shards, events a second, what waits", verb::status},
        shape::none},
    row{{"kill", "NODE...", "kill -9, and see who takes over", verb::kill}, shape::nodes},
    row{{"restart", "NODE...", "start again what was killed or has ended", verb::restart},
        shape::nodes},
    row{{"pause", "NODE...", "let it stand still, as a machine without memory does", verb::pause},
        shape::nodes},
    row{{"resume", "NODE...", "let it go on, much too late", verb::resume}, shape::nodes},
    row{{"partition", "A [to] B", "nothing gets through between A and B, or only not from A to B",
         verb::partition},
        shape::link},
    row{{"slow", "A [to] B TIME", "what goes between A and B comes later by that", verb::slow},
        shape::slow_link},
    row{{"heal", "[NODE...]", "mend the network, let go on, start and undrain: all, or of a node",
         verb::heal},
        shape::any_nodes},
    row{{"add", "", "one node more", verb::add}, shape::none},
    row{{"drain", "NODE...", "let it give its shards to the others, and stay up", verb::drain},
        shape::nodes},
    row{{"undrain", "NODE...", "let it take part again", verb::undrain}, shape::nodes},
    row{{"events", "", "the newest events", verb::events}, shape::none},
    row{{"check", "", "hold the promises against what was seen", verb::check}, shape::none},
    row{{"wait", "TIME", "let the load go on for so long", verb::wait}, shape::span},
    row{{"help", "", "this list", verb::help}, shape::none},
    row{{"quit", "", "end all of it", verb::quit}, shape::none},
};

constexpr auto shown_rows = [] {
  std::array<command_row, rows.size()> shown{};
  for (std::size_t i = 0; i < rows.size(); ++i)
    shown[i] = rows[i].shown;
  return shown;
}();

error wrong(std::string why, std::string_view todo) {
  return {errc::invalid_argument, std::move(why.append("; ").append(todo))};
}

std::string usage_of(const row& which) {
  return fmt::format("type: {}{}{}", which.shown.name, which.shown.arguments.empty() ? "" : " ",
                     which.shown.arguments);
}

std::vector<std::string_view> words_of(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  std::vector<std::string_view> words;
  for (auto from = line.find_first_not_of(blanks); from != line.npos;
       from = line.find_first_not_of(blanks, from)) {
    const auto end = std::min(line.find_first_of(blanks, from), line.size());
    words.push_back(line.substr(from, end - from));
    from = end;
  }
  return words;
}

error unknown_word(std::string_view word) {
  std::array<std::string_view, rows.size()> names{};
  std::transform(rows.begin(), rows.end(), names.begin(),
                 [](const row& each) { return each.shown.name; });
  if (const auto near = nearest(word, names))
    return wrong(fmt::format("there is no command \"{}\"", word),
                 fmt::format("did you mean \"{}\"?", *near));
  return wrong(fmt::format("there is no command \"{}\"", word),
               fmt::format("there are: {}", fmt::join(names, ", ")));
}

result<duration> read_time(std::string_view text, duration most, const row& which) {
  const auto read = parse_duration(text);
  if (!read)
    return wrong(fmt::format("\"{}\" is no time", text),
                 fmt::format("legal is 200ms, 5s, 1m; {}", usage_of(which)));
  if (*read <= duration{0} || *read > most)
    return wrong(fmt::format("\"{}\" is out of bounds", text),
                 fmt::format("legal is more than 0 and at most {}", format_duration(most)));
  return *read;
}

/// "A B", "A to B", with a time behind it if it is to have one.
result<command> read_link(const row& which, std::vector<std::string_view> words, command made) {
  if (which.takes == shape::slow_link) {
    if (words.empty())
      return wrong("between what, and how slow?", usage_of(which));
    const auto time = read_time(words.back(), slow_max, which);
    if (!time)
      return time.error();
    made.time = *time;
    words.pop_back();
  }
  if (words.size() == 3 && words[1] == "to") {
    made.one_way = true;
    words.erase(words.begin() + 1);
  }
  if (words.size() != 2)
    return wrong(fmt::format("{} is between two places", which.shown.name), usage_of(which));
  if (words[0] == words[1])
    return wrong(fmt::format("{} and {} are one place", words[0], words[1]), usage_of(which));
  made.places.assign(words.begin(), words.end());
  return made;
}

} // namespace

std::span<const command_row> command_rows() { return shown_rows; }

result<command> parse_command(std::string_view line) {
  line = line.substr(0, line.find('#'));
  auto words = words_of(line);
  if (words.empty())
    return command{};
  const auto found = std::find_if(
      rows.begin(), rows.end(), [&](const row& each) { return each.shown.name == words.front(); });
  if (found == rows.end())
    return unknown_word(words.front());
  words.erase(words.begin());
  command made;
  made.what = found->shown.what;
  switch (found->takes) {
    case shape::none:
      if (!words.empty())
        return wrong(fmt::format("\"{}\" is too much", words.front()), usage_of(*found));
      return made;
    case shape::nodes:
      if (words.empty())
        return wrong(fmt::format("{} what?", found->shown.name), usage_of(*found));
      [[fallthrough]];
    case shape::any_nodes:
      made.places.assign(words.begin(), words.end());
      return made;
    case shape::span: {
      if (words.size() != 1)
        return wrong("how long?", usage_of(*found));
      const auto time = read_time(words.front(), wait_max, *found);
      if (!time)
        return time.error();
      made.time = *time;
      return made;
    }
    case shape::link:
    case shape::slow_link:
      return read_link(*found, std::move(words), std::move(made));
  }
  return made;
}

std::uint32_t node_number(std::string_view name) {
  std::uint32_t number = 0;
  if (name.size() < 2 || name.front() != 'n' || name[1] == '0')
    return 0;
  const auto [end, problem] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  return problem == std::errc{} && end == name.data() + name.size() ? number : 0;
}

std::string node_name(std::uint32_t number) { return fmt::format("n{}", number); }

result<void> check_places(const command& typed, std::uint32_t count) {
  const bool has_store = typed.what == verb::partition || typed.what == verb::slow;
  for (const std::string& each : typed.places) {
    if (has_store && each == store_place)
      continue;
    const std::uint32_t number = node_number(each);
    if (number == 0 || number > count)
      return wrong(
          fmt::format("there is no node \"{}\"", each),
          count == 1 ? std::string{"there is n1"}
                     : fmt::format("there are n1 to n{}{}", count, has_store ? ", and store" : ""));
  }
  return {};
}

result<std::vector<script_line>> parse_script(std::string_view text, std::uint32_t nodes,
                                              std::uint32_t nodes_at_most) {
  std::vector<script_line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const auto read = parse_command(line);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto judged = read ? check_places(*read, nodes) : result<void>{read.error()};
    if (!judged)
      return error{errc::invalid_argument,
                   fmt::format("line {}: {}", number, judged.error().detail)};
    if (read->what == verb::add && ++nodes > nodes_at_most)
      return wrong(fmt::format("line {}: there may be {} nodes at most", number, nodes_at_most),
                   "leave this `add` out");
    if (read->what != verb::nothing)
      lines.push_back({number, std::string{line}, *read});
  }
  return lines;
}

} // namespace skein::demo
