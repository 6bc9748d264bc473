// Runs our readers over JSONTestSuite and msgpack-test-suite as json_suite.sh lays them out.
//   suite_check json FILE | suite_check msgpack FILE
// Says what was wrong, one line each, and exits 1 if anything was.
#include "protocol/cloudevents.hpp"
#include "protocol/msgpack_reader.hpp"
#include "protocol/msgpack_writer.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

namespace {

using namespace skein;
using nlohmann::json;

int checks = 0;
int failures = 0;

void expect(bool holds, const std::string& what) {
  ++checks;
  if (holds)
    return;
  ++failures;
  std::cout << "wrong: " << what << '\n';
}

std::string from_hex(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    if (text[i] == '-')
      ++i;
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

// ---- JSON -------------------------------------------------------------------------------------

/// The suite must accept these; we promise to refuse a name that comes twice.
constexpr std::array ours_to_refuse{"y_object_duplicated_key.json",
                                    "y_object_duplicated_key_and_value.json"};

void check_json_case(const std::string& name, const std::string& text) {
  const bool accepted = check_json(text).ok();
  const bool is_ours =
      std::find(ours_to_refuse.begin(), ours_to_refuse.end(), name) != ours_to_refuse.end();
  if (name.starts_with("y_"))
    expect(accepted != is_ours, name + (accepted ? " was accepted" : " was refused"));
  else if (name.starts_with("n_"))
    expect(!accepted, name + " was accepted");
  else if (name.starts_with("i_number_")) // numbers are kept as text, so none is too large
    expect(accepted, name + " was refused");
  else // half surrogate pairs, byte order marks, no UTF-8, 500 levels
    expect(!accepted || name.starts_with("i_string_"), name + " was accepted");
}

// ---- msgpack ----------------------------------------------------------------------------------

json read_value(msgpack_reader& in) {
  using type = msgpack_reader::type;
  switch (in.next()) {
    case type::nil:
      in.take_nil();
      return nullptr;
    case type::boolean:
      return in.boolean();
    case type::text:
      return std::string{in.text()};
    case type::binary: {
      const std::string_view bytes = in.binary();
      return json::binary({bytes.begin(), bytes.end()});
    }
    case type::number: {
      msgpack_reader copy = in;
      if (const std::int64_t value = copy.signed_number(); !copy.failed()) {
        in = copy;
        return value;
      }
      return in.number();
    }
    case type::array: {
      json list = json::array();
      for (auto left = in.array(); left > 0 && !in.failed(); --left)
        list.push_back(read_value(in));
      in.close();
      return list;
    }
    case type::map: {
      json map = json::object();
      for (auto left = in.map(); left > 0 && !in.failed(); --left) {
        const std::string name{in.text()};
        map[name] = read_value(in);
      }
      in.close();
      return map;
    }
    default:
      in.fail();
      return nullptr;
  }
}

std::string written(const json& value) {
  std::string bytes(1'000, '\0');
  msgpack_writer out{bytes.data(), bytes.size()};
  if (value.is_string())
    out.text(value.get<std::string>());
  else if (value.is_number_unsigned())
    out.number(value.get<std::uint64_t>());
  else
    out.signed_number(value.get<std::int64_t>());
  bytes.resize(out.written());
  return bytes;
}

bool is_float(std::string_view bytes) { return bytes[0] == '\xca' || bytes[0] == '\xcb'; }

void check_encoding(const json& test, const std::string& hex) {
  const std::string bytes = from_hex(hex);
  msgpack_reader in{bytes};
  if (test.contains("ext") || test.contains("timestamp") || is_float(bytes)) {
    expect(in.next() == msgpack_reader::type::other, hex + " should be of no type that we use");
    return;
  }
  if (test.contains("binary")) {
    expect(in.binary() == from_hex(test["binary"]) && in.at_end() && !in.failed(),
           hex + " should be binary " + test["binary"].dump());
    return;
  }
  const json value = read_value(in);
  if (test.contains("bignum")) {
    expect(value.dump() == test["bignum"].get<std::string>(),
           hex + " should be " + test["bignum"].dump());
    return;
  }
  bool is_expected = false; // several names may say the same value
  for (const auto* type : {"nil", "bool", "number", "string", "array", "map"})
    is_expected = is_expected || (test.contains(type) && test[type] == value);
  expect(is_expected && in.at_end() && !in.failed(), hex + " was read as " + value.dump());
}

void check_msgpack_case(const json& test) {
  for (const auto& hex : test["msgpack"])
    check_encoding(test, hex);
  const auto& first = test["msgpack"].at(0); // the encoding that a writer should choose
  for (const auto* type : {"number", "string"})
    if (test.contains(type) && !test[type].is_null() && !test[type].is_number_float())
      expect(written(test[type]) == from_hex(first),
             test[type].dump() + " was not written as " + first.dump());
}

} // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::cerr << "suite_check json|msgpack FILE\n";
    return 2;
  }
  std::ifstream file{arguments[2]};
  const json suite = json::parse(file);
  if (std::string_view{arguments[1]} == "json") {
    for (const auto& test : suite)
      check_json_case(test["name"], from_hex(test["input"]));
  } else {
    for (const auto& group : suite)
      for (const auto& test : group)
        check_msgpack_case(test);
  }
  std::cout << arguments[1] << ": " << checks << " checks, " << failures << " wrong\n";
  return failures == 0 && checks > 200 ? 0 : 1;
}
