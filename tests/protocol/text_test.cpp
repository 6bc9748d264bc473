// Goal: what of plain characters more than one part needs: trimmed ends, hexadecimal digits, cuts
// that leave no half of a character.
#include "protocol/text.hpp"
#include "protocol/utf8.hpp"

#include <catch2/catch.hpp>

using namespace skein;

TEST_CASE("white space goes from both ends and from nowhere else") {
  CHECK(trimmed(" \t\r\n a b \n") == "a b");
  CHECK(trimmed("").empty());
  CHECK(trimmed(" \n ").empty());
  CHECK(trimmed("\na\n", " \t") == "\na\n");
}

TEST_CASE("words are written as 16 digits and read back from any that fit") {
  CHECK(hex_of(0) == "0000000000000000");
  CHECK(hex_of(0xfedcba9876543210) == "fedcba9876543210");
  CHECK(word_of_hex("FEDCba9876543210") == 0xfedcba9876543210);
  CHECK(word_of_hex("7f") == 0x7f);
  for (const char* bad : {"", "x", "1x", " 1", "-1", "10000000000000000"})
    CHECK_FALSE(word_of_hex(bad).has_value());
  CHECK(hex_digit('9') == 9);
  CHECK(hex_digit('a') == 10);
  CHECK(hex_digit('F') == 15);
  for (const char bad : {'/', ':', '@', 'G', '`', 'g', '\0'})
    CHECK(hex_digit(bad) == -1);
}

TEST_CASE("a cut leaves no half of a character, and broken text is cut where it is") {
  CHECK(cut_utf8("ab\xc3\xb6", 3) == "ab");
  CHECK(cut_utf8("ab\xc3\xb6", 4) == "ab\xc3\xb6");
  CHECK(cut_utf8("", 0).empty());
  CHECK(cut_utf8("\x80\x80\x80\x80\x80\x80", 5).size() == 2);
}

TEST_CASE("a sequence is UTF-8 in its shortest form and no surrogate") {
  CHECK(utf8_sequence("a", 0) == 1);
  CHECK(utf8_sequence("a", 1) == 0);
  CHECK(utf8_sequence("\xc3\xb6", 0) == 2);
  CHECK(utf8_sequence("\xe2\x82\xac", 0) == 3);
  CHECK(utf8_sequence("\xf0\x9f\x8e\x89", 0) == 4);
  for (const char* bad : {"\x80", "\xc0\xaf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xff"})
    CHECK(utf8_sequence(bad, 0) == 0);
}
