// The small machines of the configuration: nearest words, sizes, addresses, names.
#include "nodes/config/byte_size.hpp"
#include "nodes/config/config_rules.hpp"
#include "nodes/config/disk_share.hpp"
#include "nodes/config/http_address.hpp"
#include "nodes/config/nearest.hpp"
#include "nodes/config/version.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace skein;

TEST_CASE("edit distance counts insertions, deletions, replacements and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "abc") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("shards", "shard") == 1);
  CHECK(edit_distance("shards", "shbrds") == 1);
  CHECK(edit_distance("shards", "hsards") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest word is suggested only when it is near") {
  constexpr std::array<std::string_view, 4> words{"list", "describe", "cancel", "log"};
  CHECK(nearest("lst", words) == "list");
  CHECK(nearest("decsribe", words) == "describe");
  CHECK(nearest("cancle", words) == "cancel");
  CHECK(nearest("lag", words) == "log");
  CHECK_FALSE(nearest("banana", words));
  CHECK_FALSE(nearest("", words));
  CHECK_FALSE(nearest(std::string(100'000, 'x'), words));
}

TEST_CASE("a part of a disk is a size, a percentage or left to the program") {
  using enum disk_share::form;
  CHECK(parse_disk_share("auto") == disk_share{});
  CHECK(parse_disk_share("0") == disk_share{bytes, 0});
  CHECK(parse_disk_share("1GiB") == disk_share{bytes, 1u << 30});
  CHECK(parse_disk_share("5%") == disk_share{percent, 5});
  CHECK(parse_disk_share("90%") == disk_share{percent, 90});
  for (const char* wrong : {"", "91%", "%", "-1%", "5.5%", "1GB", "automatic", "5 %"})
    CHECK_FALSE(parse_disk_share(wrong));
}

TEST_CASE("sizes are read in bytes and binary units") {
  CHECK(parse_byte_size("0") == 0);
  CHECK(parse_byte_size("512") == 512);
  CHECK(parse_byte_size("64KiB") == 65'536);
  CHECK(parse_byte_size("1MiB") == 1 << 20);
  CHECK(parse_byte_size("2GiB") == 2ll << 30);
  for (const char* wrong : {"", "KiB", "-1", "1.5MiB", "1 MiB", "1MB", "1kib", "+1", "0x10",
                            "9223372036854775808", "9007199254740993GiB"})
    CHECK_FALSE(parse_byte_size(wrong));
}

TEST_CASE("sizes are written in the largest unit that leaves no rest") {
  for (const char* text : {"0", "1000", "1KiB", "1MiB", "1536KiB", "3GiB", "1025"})
    CHECK(format_byte_size(*parse_byte_size(text)) == text);
}

TEST_CASE("listener addresses are numbers with a port") {
  CHECK(parse_http_address("127.0.0.1:7411") == http_address{"127.0.0.1", 7411});
  CHECK(parse_http_address("localhost:0") == http_address{"127.0.0.1", 0});
  CHECK(parse_http_address("[::1]:80") == http_address{"::1", 80});
  for (const char* wrong :
       {"", "7411", ":7411", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1: 80", "::1:80", "[127.0.0.1]:80", "[]:80", "example.org:80", "127.0.0.1:80x"})
    CHECK_FALSE(parse_http_address(wrong));
  CHECK(to_string(http_address{"::1", 80}) == "[::1]:80");
  CHECK(to_string(http_address{"127.0.0.1", 7411}) == "127.0.0.1:7411");
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1 and nothing else") {
  CHECK(is_loopback("127.0.0.1"));
  CHECK(is_loopback("127.255.0.9"));
  CHECK(is_loopback("::1"));
  for (const char* open : {"0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "", "x"})
    CHECK_FALSE(is_loopback(open));
}

TEST_CASE("names are letters, digits, dashes and underscores") {
  CHECK(is_legal_name("n1"));
  CHECK(is_legal_name("my_bot-2"));
  CHECK(is_legal_name(std::string(64, 'a')));
  for (const std::string wrong : {"", "-a", "_a", "a b", "a.b", "a/b", "\xc3\xa9", "a\n"})
    CHECK_FALSE(is_legal_name(wrong));
  CHECK_FALSE(is_legal_name(std::string(65, 'a')));
}

TEST_CASE("the version has three numbers") {
  CHECK(std::count(version().begin(), version().end(), '.') == 2);
}
