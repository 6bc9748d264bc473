// The bytes on the wire and on disk. A change here is a change of the protocol: give it a new
// version.
#include "sample_messages.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace skein;
using namespace skein::test;

namespace {

/// The bytes of a file of hexadecimal digits; what follows a # is a comment.
std::string golden(const std::string& name) {
  std::ifstream file{std::filesystem::path{SKEIN_GOLDEN_DIR} / (name + ".txt")};
  REQUIRE(file.good());
  std::string bytes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line.substr(0, line.find('#'))};
    for (std::string word; words >> word;) {
      REQUIRE(word.size() == 2);
      bytes += static_cast<char>(std::stoi(word, nullptr, 16));
    }
  }
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

std::string hex(std::string_view bytes) {
  std::ostringstream out;
  for (const char byte : bytes)
    out << std::hex << (static_cast<unsigned char>(byte) >> 4) << (byte & 0xf) << ' ';
  return out.str();
}

} // namespace

TEST_CASE("there are golden bytes of every kind of message") {
  const auto samples = golden_frames();
  REQUIRE(samples.size() == std::variant_size_v<message>);
  for (std::size_t kind = 0; kind < samples.size(); ++kind)
    CHECK(samples[kind].content.body.index() == kind);
}

TEST_CASE("every message is encoded as the golden bytes") {
  for (const sample& each : golden_frames()) {
    CAPTURE(each.name);
    CHECK(hex(encode_frame(each.content.header, each.content.body).view()) ==
          hex(golden(each.name)));
  }
}

TEST_CASE("the golden bytes of every message decode to it") {
  for (const sample& each : golden_frames()) {
    CAPTURE(each.name);
    const auto decoded = decode_frame(slice{golden(each.name)});
    REQUIRE(decoded.ok());
    CHECK(*decoded == each.content);
  }
}

TEST_CASE("an event is encoded as the golden bytes and decoded from them") {
  CHECK(hex(encode_event(golden_event())) == hex(golden("event")));
  CHECK(*decode_event(golden("event")) == golden_event());
}
