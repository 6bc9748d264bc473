// Bytes of a connection: requests one behind the other, in pieces. The same requests must come out
// of them whatever the pieces are, another parser must see the same in each, and every decision
// from a head must be total.
#include "tests/nodes/http/other_parser.hpp"

#include "nodes/http/request_plan.hpp"

#include <cstdint>
#include <string>
#include <vector>

using namespace skein;

namespace {

constexpr std::size_t body_max = 10'000;

struct seen {
  std::vector<std::string> requests;
  errc failed = errc::none;
  friend bool operator==(const seen&, const seen&) = default;
};

void decide(const request_head& head) {
  const host_rules hosts{true, 7411, false, {"a"}};
  const token_book nobody;
  const request_plan plan = plan_request(head, {.hosts = hosts, .access = {.tokens = nobody}});
  if (!plan.refusal)
    SKEIN_CHECK(plan.request.at != nullptr && plan.request.head == &head);
  else
    SKEIN_CHECK(plan.refusal->status >= 400 && !plan.refusal->body.empty());
}

/// One request from the front of `rest`. false: there is no whole one.
bool take_one(request_reader& reader, std::string_view& rest, std::size_t piece) {
  while (!rest.empty()) {
    const std::size_t taken = reader.feed(rest.substr(0, piece));
    SKEIN_CHECK(taken <= piece && taken <= rest.size());
    SKEIN_CHECK(reader.body().size() <= body_max);
    rest.remove_prefix(taken);
    if (reader.at() == request_reader::stage::headed) {
      decide(reader.head());
      reader.read_body(body_max);
    }
    if (reader.at() == request_reader::stage::failed)
      return false;
    if (reader.at() == request_reader::stage::complete)
      return true;
  }
  return false;
}

seen read_all(std::string_view bytes, std::size_t piece) {
  seen out;
  request_reader reader;
  while (!bytes.empty()) {
    const std::string_view before = bytes;
    if (!take_one(reader, bytes, piece)) {
      if (reader.at() == request_reader::stage::failed)
        out.failed = reader.problem().code;
      return out;
    }
    const std::string difference =
        test::compare_with_other_parser(reader, before.substr(0, before.size() - bytes.size()));
    SKEIN_CHECK(difference.empty());
    out.requests.push_back(std::string{reader.head().method} + " " +
                           std::string{reader.head().target} + " " + std::string{reader.body()});
    reader.restart();
  }
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::size_t piece = data[0] % 32 + std::size_t{1};
  const std::string bytes(data + 1, data + size);
  SKEIN_CHECK(read_all(bytes, bytes.size() + 1) == read_all(bytes, piece));
  return 0;
}
