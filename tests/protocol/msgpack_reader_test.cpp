// The bounded reader and the writer, against an implementation by others.
#include "protocol/msgpack_reader.hpp"

#include "protocol/msgpack_writer.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <sstream>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <msgpack.hpp>
#pragma GCC diagnostic pop

using namespace skein;

namespace {

using type = msgpack_reader::type;

/// One whole value as text, by our reader.
void describe(msgpack_reader& in, std::ostream& out) {
  switch (in.next()) {
    case type::nil:
      in.take_nil(), out << "nil";
      return;
    case type::boolean:
      out << (in.boolean() ? "true" : "false");
      return;
    case type::text:
      out << "text<" << in.text() << ">";
      return;
    case type::binary:
      out << "binary<" << in.binary() << ">";
      return;
    case type::number: {
      msgpack_reader copy = in; // above what a signed number holds, or below zero
      const std::int64_t value = in.signed_number();
      if (in.failed())
        in = copy, out << in.number();
      else
        out << value;
      return;
    }
    case type::array: {
      out << "[";
      for (auto left = in.array(); left > 0 && !in.failed(); --left)
        describe(in, out), out << ",";
      in.close();
      out << "]";
      return;
    }
    case type::map: {
      out << "{";
      for (auto left = in.map(); left > 0 && !in.failed(); --left)
        describe(in, out), out << ":", describe(in, out), out << ",";
      in.close();
      out << "}";
      return;
    }
    default:
      in.fail();
      return;
  }
}

/// The same by msgpack-c; false if there is a type that we have no use for.
bool describe(const msgpack::object& value, std::ostream& out) {
  const auto bytes = [](const auto& view) { return std::string_view{view.ptr, view.size}; };
  switch (value.type) {
    case msgpack::type::NIL:
      out << "nil";
      return true;
    case msgpack::type::BOOLEAN:
      out << (value.via.boolean ? "true" : "false");
      return true;
    case msgpack::type::STR:
      out << "text<" << bytes(value.via.str) << ">";
      return true;
    case msgpack::type::BIN:
      out << "binary<" << bytes(value.via.bin) << ">";
      return true;
    case msgpack::type::POSITIVE_INTEGER:
      out << value.via.u64;
      return true;
    case msgpack::type::NEGATIVE_INTEGER:
      out << value.via.i64;
      return true;
    case msgpack::type::ARRAY:
      out << "[";
      for (const auto& each : value.via.array) {
        if (!describe(each, out))
          return false;
        out << ",";
      }
      out << "]";
      return true;
    case msgpack::type::MAP:
      out << "{";
      for (const auto& [key, content] : value.via.map) {
        if (!describe(key, out))
          return false;
        out << ":";
        if (!describe(content, out))
          return false;
        out << ",";
      }
      out << "}";
      return true;
    default:
      return false;
  }
}

std::string ours(std::string_view bytes) {
  msgpack_reader in{bytes};
  std::ostringstream out;
  describe(in, out);
  in.require(in.at_end());
  return in.failed() ? "refused" : out.str();
}

std::string theirs(std::string_view bytes) {
  try {
    const msgpack::unpack_limit limit{
        limits::frame_members_max, limits::frame_members_max, bytes.size(), bytes.size(), 0,
        limits::frame_depth_max};
    std::size_t end = 0;
    const auto handle = msgpack::unpack(bytes.data(), bytes.size(), end, nullptr, nullptr, limit);
    std::ostringstream out;
    return end == bytes.size() && describe(handle.get(), out) ? out.str() : "refused";
  } catch (const msgpack::unpack_error&) { return "refused"; }
}

/// A random value, by msgpack-c's packer.
void pack_any(msgpack::packer<msgpack::sbuffer>& out, std::mt19937_64& random, int depth) {
  const auto size = [&random] {
    return static_cast<std::uint32_t>(random() % 4 == 0 ? random() % 70'000 : random() % 40);
  };
  switch (random() % (depth > 4 ? 6 : 8)) {
    case 0:
      out.pack_nil();
      return;
    case 1:
      out.pack(random() % 2 == 0);
      return;
    case 2:
      out.pack(random() >> random() % 64);
      return;
    case 3:
      out.pack(static_cast<std::int64_t>(random()) >> random() % 64);
      return;
    case 4:
      out.pack(std::string(size(), 's'));
      return;
    case 5:
      out.pack(std::vector<char>(size(), 'b'));
      return;
    case 6: {
      const auto members = static_cast<std::uint32_t>(random() % 20);
      out.pack_array(members);
      for (std::uint32_t i = 0; i < members; ++i)
        pack_any(out, random, depth + 1);
      return;
    }
    default: {
      const auto pairs = static_cast<std::uint32_t>(random() % 18);
      out.pack_map(pairs);
      for (std::uint32_t i = 0; i < 2 * pairs; ++i)
        pack_any(out, random, depth + 2);
      return;
    }
  }
}

template <class Write>
std::string written(Write write) {
  std::string bytes(200'000, '\0');
  msgpack_writer out{bytes.data(), bytes.size()};
  write(out);
  bytes.resize(out.written());
  return bytes;
}

template <class Pack>
std::string packed(Pack pack) {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> out{buffer};
  pack(out);
  return {buffer.data(), buffer.size()};
}

} // namespace

TEST_CASE("what msgpack-c writes is read as msgpack-c reads it") {
  std::mt19937_64 random{20260728};
  for (int i = 0; i < 3'000; ++i) {
    const std::string bytes = packed([&random](auto& out) { pack_any(out, random, 0); });
    REQUIRE(ours(bytes) != "refused");
    REQUIRE(ours(bytes) == theirs(bytes));
  }
}

TEST_CASE("any short bytes are read or refused as msgpack-c does") {
  std::mt19937_64 random{20260729};
  int taken = 0;
  for (int i = 0; i < 300'000; ++i) {
    std::string bytes(random() % 12 + 1, '\0');
    for (char& each : bytes)
      each = static_cast<char>(random() % 3 == 0 ? random() : 0x80 | (random() % 0x60));
    const std::string value = ours(bytes);
    REQUIRE(value == theirs(bytes));
    taken += value != "refused" ? 1 : 0;
  }
  CHECK(taken > 3'000);
}

TEST_CASE("every first byte is judged as msgpack-c judges it") {
  for (int first = 0; first < 256; ++first)
    for (std::size_t more = 0; more < 20; ++more) {
      const std::string bytes = std::string(1, static_cast<char>(first)) + std::string(more, '\0');
      CAPTURE(first, more);
      REQUIRE(ours(bytes) == theirs(bytes));
    }
}

TEST_CASE("the writer writes what msgpack-c's packer writes") {
  std::mt19937_64 random{20260730};
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t number = random() >> random() % 64;
    const auto signed_number = static_cast<std::int64_t>(random()) >> random() % 64;
    REQUIRE(written([&](auto& out) { out.number(number); }) ==
            packed([&](auto& out) { out.pack(number); }));
    REQUIRE(written([&](auto& out) { out.signed_number(signed_number); }) ==
            packed([&](auto& out) { out.pack(signed_number); }));
  }
  for (const std::uint32_t size : {0u, 1u, 15u, 16u, 31u, 32u, 255u, 256u, 65'535u, 65'536u}) {
    CAPTURE(size);
    const std::string bytes(size, 'x');
    CHECK(written([&](auto& out) { out.text(bytes); }) ==
          packed([&](auto& out) { out.pack(bytes); }));
    CHECK(written([&](auto& out) { out.binary(bytes); }) ==
          packed([&](auto& out) { out.pack_bin(size), out.pack_bin_body(bytes.data(), size); }));
    CHECK(written([&](auto& out) { out.array(size); }) ==
          packed([&](auto& out) { out.pack_array(size); }));
    CHECK(written([&](auto& out) { out.map(size); }) ==
          packed([&](auto& out) { out.pack_map(size); }));
  }
  CHECK(written([](auto& out) { out.nil(), out.boolean(true), out.boolean(false); }) ==
        "\xc0\xc3\xc2");
}

TEST_CASE("a number is read in any width it may be written in") {
  const std::vector<std::string> fives{std::string{"\x05"},
                                       std::string{"\xcc\x05", 2},
                                       std::string{"\xcd\x00\x05", 3},
                                       std::string{"\xce\x00\x00\x00\x05", 5},
                                       std::string{"\xcf\0\0\0\0\0\0\0\x05", 9},
                                       std::string{"\xd0\x05", 2},
                                       std::string{"\xd1\x00\x05", 3},
                                       std::string{"\xd2\x00\x00\x00\x05", 5},
                                       std::string{"\xd3\0\0\0\0\0\0\0\x05", 9}};
  for (const std::string& bytes : fives) {
    CHECK(msgpack_reader{bytes}.number() == 5);
    CHECK(msgpack_reader{bytes}.signed_number() == 5);
    msgpack_reader in{bytes};
    CHECK(in.number(4) == 0);
    CHECK(in.problem() == errc::invalid_frame);
  }
}

TEST_CASE("a number out of its range is refused") {
  const auto refuses = [](std::string_view bytes, auto read) {
    msgpack_reader in{bytes};
    read(in);
    return in.failed();
  };
  CHECK(refuses("\xff", [](auto& in) { in.number(); }));
  CHECK(refuses("\xd0\xff", [](auto& in) { in.number(); }));
  CHECK(refuses("\xd3\x80\x01\x01\x01\x01\x01\x01\x01", [](auto& in) { in.number(); }));
  CHECK(refuses("\xcf\x80\x01\x01\x01\x01\x01\x01\x01", [](auto& in) { in.signed_number(); }));
  CHECK(refuses("\xd1\xff\x7e", [](auto& in) { in.signed_number(-129, 0); }));
  CHECK_FALSE(refuses("\xd1\xff\x7f", [](auto& in) { in.signed_number(-129, 0); }));
}

TEST_CASE("depth, counts and lengths are limited") {
  CHECK(ours(std::string(limits::frame_depth_max - 1, '\x91') + '\x90') != "refused");
  msgpack_reader deep{std::string_view{"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
                                       "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
                                       "\x91\x91\x91\x91\x91\x90"}};
  for (std::size_t i = 0; i < limits::frame_depth_max; ++i)
    deep.array();
  CHECK_FALSE(deep.failed());
  deep.array();
  CHECK(deep.problem() == errc::too_deep);

  msgpack_reader counted{"\x93\x01\x02\x03"};
  CHECK(counted.array(2) == 0);
  CHECK(counted.problem() == errc::too_large);
  msgpack_reader wide{"\x93\x01\x02\x03"};
  CHECK(wide.array(3, 2) == 0); // three of two bytes each do not fit
  CHECK(wide.problem() == errc::invalid_frame);
  msgpack_reader exact{"\x93\x01\x02\x03"};
  exact.array_of(2);
  CHECK(exact.failed());
  msgpack_reader text{"\xa3"
                      "abc"};
  CHECK(text.text(2).empty());
  CHECK(text.problem() == errc::too_large);
}

TEST_CASE("the first failure sticks and nothing is read after it") {
  msgpack_reader in{"\x01\xa1x"};
  CHECK(in.text().empty());
  CHECK(in.problem() == errc::invalid_frame);
  CHECK(in.number() == 0);
  CHECK(in.remaining() == 0);
  in.fail(errc::too_deep);
  CHECK(in.problem() == errc::invalid_frame);
  CHECK(in.next() == type::end);
}
