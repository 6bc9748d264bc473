// Binary mode. The input is lines "name: value", an empty line, the body.
#include "fuzz_event.hpp"

using namespace skein;

namespace {

header_list take_headers(std::string_view& text) {
  header_list headers;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty())
      break;
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  return headers;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view body = fuzz::text_of(data, size);
  const header_list headers = take_headers(body);
  const auto value = read_binary(headers, body);
  if (value)
    fuzz::check_event(*value);
  else
    fuzz::check_error(value.error());
  return 0;
}
