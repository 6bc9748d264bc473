// A second opinion on a request: the parser of Boost.Beast. It is the more lenient one, so whatever
// ours takes it must take too, and see the same in it.
#pragma once

#include "nodes/http/request_reader.hpp"

#include <string>
#include <string_view>

namespace skein::test {

/// `raw`: exactly the bytes that `ours` took for its complete request. Empty when the other parser
/// sees the same request in them, else in what they differ.
std::string compare_with_other_parser(const request_reader& ours, std::string_view raw);

} // namespace skein::test
