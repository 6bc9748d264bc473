#include "nodes/cli/suggest.hpp"

#include "nodes/cli/exit_codes.hpp"
#include "nodes/config/nearest.hpp"

#include <fmt/format.h>

namespace skein::cli {

int complain_of_word(context& at, std::string what, std::string_view word,
                     std::span<const std::string_view> known, std::string_view more,
                     std::string_view code) {
  complaint told{std::move(what), "", std::string{more}, std::string{code}};
  if (const auto near = nearest(word, known))
    told.why = fmt::format("did you mean \"{}\"?", *near);
  else if (!known.empty())
    told.why = fmt::format("there are: {}", fmt::join(known, ", "));
  return complain(at, exit_code::usage, told);
}

} // namespace skein::cli
