// The frame codec: whatever is allowed survives it, and nothing that arrives can hurt.
#include "sample_messages.hpp"

#include "protocol/message_layout.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>

using namespace skein;
using namespace skein::test;

namespace {

constexpr std::size_t kinds = std::variant_size_v<message>;

slice encoded(const frame& content) { return encode_frame(content.header, content.body); }

/// A slice in a block of exactly its size, so that a sanitizer sees a read beyond its end.
slice exact(std::string_view bytes) {
  const std::shared_ptr<char[]> memory{new char[bytes.size()]};
  std::memcpy(memory.get(), bytes.data(), bytes.size());
  return slice{memory, {memory.get(), bytes.size()}};
}

bool lies_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

errc code_of(std::string bytes) {
  const auto decoded = decode_frame(slice{std::move(bytes)});
  return decoded ? errc::none : decoded.error().code;
}

std::string bytes_of(const message& body) {
  return std::string{encode_frame({{"n1", "a"}, {"n1", "b"}, 1}, body).view()};
}

} // namespace

TEST_CASE("every frame that passes the check survives being sent") {
  std::mt19937_64 random{20260728};
  for (int i = 0; i < 2'000; ++i) {
    const frame sent = random_frame(random, static_cast<std::size_t>(i) % kinds);
    REQUIRE(frame_check(sent.header, sent.body).ok());
    const auto received = decode_frame(encoded(sent));
    REQUIRE(received.ok());
    REQUIRE(*received == sent);
  }
}

TEST_CASE("a received frame is encoded as the same bytes again") {
  std::mt19937_64 random{20260729};
  for (int i = 0; i < 500; ++i) {
    const slice bytes = encoded(random_frame(random, static_cast<std::size_t>(i) % kinds));
    REQUIRE(encoded(*decode_frame(bytes)) == bytes);
  }
}

TEST_CASE("the head of a frame is peeked at without the rest") {
  for (const sample& each : golden_frames()) {
    const slice bytes = encoded(each.content);
    const auto peek = peek_frame(bytes.view());
    REQUIRE(peek.ok());
    CHECK(peek->kind == each.content.body.index());
    CHECK(peek->header == each.content.header);
  }
  CHECK_FALSE(peek_frame("").ok());
  CHECK_FALSE(peek_frame("nonsense").ok());
}

TEST_CASE("slices of a message point into the frame and keep it alive") {
  slice bytes = encoded(golden_frames()[2].content);
  const std::string_view view = bytes.view();
  const std::weak_ptr<const void> owner = bytes.owner();
  auto received = decode_frame(bytes);
  bytes = {};
  REQUIRE(received.ok());
  const auto& events = std::get<publish>(received->body).events;
  CHECK(lies_within(events[0].body.view(), view));
  CHECK(events[0].head().key == "k");
  CHECK(events[1].body.owner() == nullptr); // nothing to keep alive
  CHECK_FALSE(owner.expired());
  received = errc::internal;
  CHECK(owner.expired());
}

TEST_CASE("a frame cut off anywhere is refused, and nothing behind the cut is read") {
  for (const sample& each : golden_frames()) {
    const slice bytes = encoded(each.content);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(each.name, size);
      const auto decoded = decode_frame(exact(bytes.view().substr(0, size)));
      REQUIRE_FALSE(decoded.ok());
      REQUIRE(decoded.error().code == errc::invalid_frame);
    }
  }
}

TEST_CASE("a byte behind a frame is refused") {
  for (const sample& each : golden_frames())
    CHECK(code_of(std::string{encoded(each.content).view()} + '\0') == errc::invalid_frame);
}

TEST_CASE("any single byte may change without harm, and what is still taken is sound") {
  for (const sample& each : golden_frames()) {
    const std::string good{encoded(each.content).view()};
    for (std::size_t at = 0; at < good.size(); ++at)
      for (int value = 0; value < 256; ++value) {
        std::string bad = good;
        bad[at] = static_cast<char>(value);
        const slice bytes = exact(bad);
        const auto decoded = decode_frame(bytes);
        if (!decoded)
          continue;
        REQUIRE(frame_check(decoded->header, decoded->body).ok());
        REQUIRE(*decode_frame(encoded(*decoded)) == *decoded);
      }
  }
}

TEST_CASE("random bytes are never a frame that the check refuses") {
  std::mt19937_64 random{20260730};
  const auto samples = golden_frames();
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes{encoded(samples[random() % samples.size()].content).view()};
    for (auto changes = random() % 4 + 1; changes > 0; --changes) {
      const std::size_t at = random() % bytes.size();
      if (random() % 4 == 0)
        bytes.erase(at, random() % 8);
      else if (random() % 3 == 0)
        bytes.insert(at, 1, static_cast<char>(random()));
      else
        bytes[at] = static_cast<char>(random());
      if (bytes.empty())
        bytes = "x";
    }
    const auto decoded = decode_frame(exact(bytes));
    REQUIRE((!decoded || frame_check(decoded->header, decoded->body).ok()));
  }
}

TEST_CASE("another version is refused as such, whatever follows it") {
  std::string bytes = bytes_of(hello{1});
  bytes[1] = protocol_version + 1;
  CHECK(code_of(bytes) == errc::unsupported_version);
  bytes[2] = 99;
  CHECK(code_of(bytes) == errc::unsupported_version);
  CHECK(peek_frame(bytes).error().code == errc::unsupported_version);
}

TEST_CASE("a version older than those that are spoken is refused as such") {
  std::string bytes = bytes_of(hello{1});
  bytes[1] = protocol_version_min - 1;
  CHECK(code_of(bytes) == errc::unsupported_version);
}

TEST_CASE("every message can be written for a peer of the version before, and read from it") {
  for (const sample& each : golden_frames()) {
    CAPTURE(each.name);
    const slice bytes = encode_frame(each.content.header, each.content.body, protocol_version_min);
    CHECK(peek_frame(bytes.view())->version == protocol_version_min);
    const auto read = decode_frame(bytes);
    REQUIRE(read.ok());
    frame_header plain = each.content.header;
    plain.boot = plain.to_boot = 0; // which version 2 does not know
    CHECK(read->header == plain);
    CHECK(read->body.index() == each.content.body.index());
    CHECK(*in_version(encoded(each.content), protocol_version_min) == bytes);
  }
}

TEST_CASE("who says no versions speaks the one in which it says so") {
  const slice old = encode_frame({}, hello{7, 2, 3}, 2);
  CHECK(old.view() == std::string_view{"\x98\x02\x00\xa0\xa0\xa0\xa0\x00\x07", 9});
  CHECK(std::get<hello>(decode_frame(old)->body) == hello{7, 2, 2});
  CHECK(std::get<hello>(decode_frame(encode_frame({}, hello{7, 2, 3}))->body) == hello{7, 2, 3});
}

TEST_CASE("members that a version does not have are refused in it") {
  std::string bytes{encode_frame({}, hello{7}, 2).view()};
  bytes[1] = 3; // but one member of the message
  CHECK(code_of(bytes) == errc::invalid_frame);
  bytes = encode_frame({}, hello{7}).view();
  bytes[1] = 2;
  CHECK(code_of(bytes) == errc::invalid_frame);
}

TEST_CASE("an unknown kind of message is refused") {
  std::string bytes = bytes_of(hello{1});
  bytes[2] = static_cast<char>(kinds);
  CHECK(code_of(bytes) == errc::invalid_frame);
  CHECK_FALSE(peek_frame(bytes).ok());
}

TEST_CASE("a message with a field more or less than it has is refused") {
  for (const sample& each : golden_frames()) {
    std::string bytes{encoded(each.content).view()};
    bytes[0] = static_cast<char>(bytes[0] + 1);
    CHECK(code_of(bytes + '\0') == errc::invalid_frame);
  }
}

TEST_CASE("a number of members that is not there takes no memory") {
  // Of a publish frame with no events, the last byte is the array of events.
  std::string bytes = bytes_of(publish{});
  REQUIRE(bytes.back() == '\x90');
  bytes.pop_back();
  for (const auto* opening : {"\xdd\xff\xff\xff\xff", "\xdd\x7f\xff\xff\xff", "\xdc\xff\xff"})
    CHECK(code_of(bytes + opening + std::string(1'000, '\x99')) == errc::invalid_frame);
  // Enough bytes for that many small members, but no event is that small.
  CHECK(code_of(bytes + std::string{"\xdc\x10\x00", 3} + std::string(0x1000, '\0')) ==
        errc::invalid_frame);
}

TEST_CASE("more members than a frame may have are refused on both sides") {
  cancel_turns many{"bot", std::vector<turn_id>(limits::frame_members_max)};
  CHECK(frame_check({}, many).ok());
  CHECK(code_of(bytes_of(many)) == errc::none);
  many.turns.emplace_back();
  CHECK(frame_check({}, many).error().code == errc::too_large);
  CHECK(code_of(bytes_of(many)) == errc::too_large);
}

TEST_CASE("a frame larger than allowed is refused on both sides") {
  const query large{1, std::string(limits::frame_bytes_max, ' ')};
  CHECK(frame_check({}, large).error().code == errc::too_large);
  CHECK(code_of(bytes_of(large)) == errc::too_large);
}

TEST_CASE("values out of range are refused on both sides") {
  const auto refused = [](const message& body) {
    return frame_check({}, body).error().code == errc::invalid_frame &&
           code_of(bytes_of(body)) == errc::invalid_frame;
  };
  offered_event offered;
  offered.priority = static_cast<priority_class>(5);
  CHECK(refused(publish{{offered}}));
  turn_outcome outcome;
  outcome.verdict = static_cast<turn_verdict>(5);
  CHECK(refused(outcomes{"bot", {outcome}}));
  outcome = {};
  outcome.reply_kind = static_cast<data_kind>(4);
  CHECK(refused(outcomes{"bot", {outcome}}));
  outcome = {};
  outcome.emits = {offered};
  CHECK(refused(outcomes{"bot", {outcome}}));
  turn_id turn;
  turn.delivery.index = limits::deliveries_per_event_max;
  CHECK(refused(cancel_turns{"bot", {turn}}));
}

TEST_CASE("an error code from a newer peer is an internal error") {
  std::string bytes = bytes_of(answer{1, errc::not_found, ""});
  const std::size_t at = bytes.size() - 2;
  REQUIRE(bytes[at] == '\x6d'); // 109
  bytes[at] = '\x7f';
  CHECK(std::get<answer>(decode_frame(slice{bytes})->body).code == errc::internal);
}
