// Who is let in: the decisions of the handler, without a socket.
#include "nodes/broker/curve_key.hpp"
#include "nodes/broker/zap.hpp"

#include <catch2/catch.hpp>

using namespace skein;

namespace {

const std::string key_bytes{"0123456789abcdef0123456789abcdef"};

peer_list list_with(const std::string& key) {
  return {{"n2", {"n2", peer_role::node, key, no_instant}}};
}

std::vector<std::string> request_parts() {
  return {"1.0", "7", "skein", "10.0.0.2", "", "CURVE", key_bytes};
}

zap_verdict judged(const std::vector<std::string>& parts, const peer_list& list) {
  const auto request = read_zap_request(parts);
  REQUIRE(request);
  return judge(*request, list);
}

} // namespace

TEST_CASE("a key of the list is let in under its peer's name") {
  const std::string key = curve_key_text(key_bytes);
  const zap_verdict verdict = judged(request_parts(), list_with(key));
  CHECK(verdict.let_in);
  CHECK(verdict.peer == "n2");
  const auto reply = write_zap_reply("7", verdict);
  REQUIRE(reply.size() == 6);
  CHECK(reply[0] == "1.0");
  CHECK(reply[1] == "7");
  CHECK(reply[2] == "200");
  CHECK(reply[4] == "n2");
  CHECK(reply[5] == std::string{"\x09Skein-Key\0\0\0\x28", 14} + key);
}

TEST_CASE("another key, another mechanism and another domain are not let in") {
  const peer_list list = list_with(curve_key_text(key_bytes));
  const auto refused = [&](std::vector<std::string> parts, const peer_list& by) {
    const zap_verdict verdict = judged(parts, by);
    CHECK_FALSE(verdict.let_in);
    const auto reply = write_zap_reply("7", verdict);
    CHECK(reply[2] == "400");
    CHECK(reply[4].empty());
    return verdict;
  };
  CHECK(refused(request_parts(), {}).key == curve_key_text(key_bytes));
  auto parts = request_parts();
  parts[6][0] = 'X';
  CHECK_FALSE(refused(parts, list).key.empty());
  parts = request_parts();
  parts[6].pop_back();
  CHECK(refused(parts, list).key.empty());
  parts = request_parts();
  parts[5] = "NULL";
  refused(parts, list);
  parts[5] = "PLAIN";
  refused(parts, list);
  parts = request_parts();
  parts[2] = "other";
  refused(parts, list);
  parts = request_parts();
  parts.push_back(key_bytes);
  refused(parts, list);
  parts.resize(6);
  refused(parts, list);
}

TEST_CASE("what is no request of this version is none") {
  auto parts = request_parts();
  parts[0] = "2.0";
  CHECK_FALSE(read_zap_request(parts));
  for (std::size_t size = 0; size < 6; ++size) {
    parts = request_parts();
    parts.resize(size);
    CHECK_FALSE(read_zap_request(parts));
  }
}

TEST_CASE("keys are made, told apart from other texts, and belong together") {
  const key_pair one = make_key_pair(), other = make_key_pair();
  CHECK(is_curve_key(one.public_key));
  CHECK(one.public_key[0] != '-');
  CHECK(one.public_key != other.public_key);
  CHECK(public_key_of(one.secret) == one.public_key);
  CHECK_FALSE(is_curve_key(""));
  CHECK_FALSE(is_curve_key(one.public_key.substr(1)));
  CHECK_FALSE(is_curve_key(one.public_key + "0"));
  CHECK_FALSE(is_curve_key(std::string(40, ' ')));
  CHECK_FALSE(is_curve_key(std::string(40, '\0')));
  CHECK_FALSE(public_key_of(secret_key{"short"}));
  CHECK(curve_key_text("short").empty());
}
