#include "nodes/cli/arguments.hpp"

#include "nodes/cli/command.hpp"

#include <algorithm>
#include <array>

namespace skein::cli {

namespace {

// As add_globals defines them; a test compares the two.
constexpr std::array<std::string_view, 7> with_value{
    "--server", "--token-file", "--ca-file", "--client-cert", "-o", "--output", "--timeout"};
constexpr std::array<std::string_view, 7> without_value{
    "--yes", "--dry-run", "--no-color", "--no-headers", "-h", "--help", "--version"};

bool is_option(std::string_view text) { return text.size() > 1 && text[0] == '-'; }

template <class Names>
bool is_one_of(std::string_view text, const Names& names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

/// "--server=x", "-ojson"
bool carries_value(std::string_view text) {
  const auto equals = text.find('=');
  return (equals != std::string_view::npos && is_one_of(text.substr(0, equals), with_value)) ||
         (text.starts_with("-o") && text.size() > 2);
}

bool complete(const command_words& words) {
  return !words.noun.empty() && (!words.verb.empty() || verbs_of(words.noun).empty());
}

} // namespace

command_words split_words(const std::vector<std::string>& arguments) {
  command_words out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& each = arguments[i];
    if (each == "--") {
      out.rest.insert(out.rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i),
                      arguments.end());
      break;
    }
    if (each == "-h" || each == "--help") {
      out.help = true;
    } else if (each == "--version") {
      out.version = true;
    } else if (is_option(each) || complete(out)) {
      const bool takes_next = is_one_of(each, with_value);
      const bool known = takes_next || carries_value(each) || is_one_of(each, without_value);
      if (!complete(out) && !known && out.early_option.empty())
        out.early_option = each;
      out.rest.push_back(each);
      if (takes_next && i + 1 < arguments.size())
        out.rest.push_back(arguments[++i]);
    } else {
      (out.noun.empty() ? out.noun : out.verb) = each;
    }
  }
  return out;
}

} // namespace skein::cli
