// The keeper of tokens and records, driven by hand: commits are answered when a test says so.
#include "actors/access/access_core.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>

using namespace skein;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr agent_no tokens{7};
constexpr agent_no records{8};
const std::string digest_a(64, 'a');

access_settings test_settings() {
  return {"n1", static_cast<epoch_no>(1), std::chrono::hours{7 * 24}, tokens, records};
}

struct access_world {
  access_core core{test_settings()};
  moment now{from_ns(1'769'860'800'000'000'000), boot_time{} + 1h};
  std::map<std::uint64_t, api_answer> answers;
  std::vector<access_token> valid;
  std::map<std::pair<std::uint32_t, std::string>, std::string> stored;
  std::optional<journal::keep_op> sent;
  std::optional<boot_time> wakes;
  std::string looks_behind;
  std::size_t uses_asked = 0;
  bool answers_commits = true;
  errc refuses = errc::none;
  std::uint64_t ticket = 0;

  access_world() {
    std::vector<access_effect> out;
    core.start(now, out);
    take(out);
  }

  void take(std::vector<access_effect>& out) {
    for (access_effect& each : out) {
      if (auto* answer = std::get_if<access_answer_effect>(&each))
        answers[answer->ticket] = answer->answer;
      if (auto* published = std::get_if<publish_tokens_effect>(&each))
        valid = published->tokens;
      if (auto* submit = std::get_if<submit_effect>(&each)) {
        CHECK_FALSE(sent); // one at a time
        sent = std::get<journal::keep_op>(submit->batch.front());
      }
      if (auto* wake = std::get_if<wake_effect>(&each))
        wakes = wake->at;
      if (std::holds_alternative<read_uses_effect>(each))
        ++uses_asked;
      if (auto* look = std::get_if<find_old_records_effect>(&each))
        looks_behind = look->behind;
    }
    if (answers_commits && sent)
      commit();
  }

  void step(access_input input) {
    std::vector<access_effect> out;
    core.step(std::move(input), now, out);
    take(out);
  }

  void commit() {
    const journal::keep_op op = *std::exchange(sent, std::nullopt);
    committed_in end;
    if (refuses != errc::none) {
      end.receipt = error{refuses, "no room"};
    } else {
      for (const auto& each : op.states) {
        const std::pair at{raw(each.agent), each.state.key};
        if (each.state.erase)
          stored.erase(at);
        else
          stored[at] = std::string{each.state.value.view()};
      }
      journal::commit_receipt receipt;
      receipt.results.resize(1);
      end.receipt = receipt;
    }
    step(std::move(end));
  }

  std::uint64_t ask(const std::string& operation, const json& words,
                    const caller& by = {"ann", "10.0.0.1"}) {
    step(access_command_in{++ticket, by, operation, words.dump()});
    return ticket;
  }
  json create(const std::string& name, const std::string& role = "producer",
              const std::string& life = "") {
    json words{{"role", role}, {"name", name}, {"prefix", "skn_x"}, {"digest", digest_a}};
    if (!life.empty())
      words["expires_in"] = life;
    const auto answer = answers.find(ask("token.create", words));
    return answer == answers.end() ? json{} : json::parse(answer->second.body, nullptr, false);
  }
  errc refusal(const std::string& operation, const json& words) {
    return answers[ask(operation, words)].code;
  }
  std::vector<audit_record> audit() const {
    std::vector<audit_record> all;
    for (const auto& [key, text] : stored)
      if (key.first == raw(records))
        all.push_back(*read_audit(text));
    return all;
  }
  bool is_stored(const std::string& name) const {
    return stored.contains(std::pair{raw(tokens), name});
  }
};

} // namespace

TEST_CASE("a role allows its own, who publishes may look, and an admin may all") {
  const std::vector<role> all{role::none, role::read, role::producer, role::worker, role::admin};
  for (const role has : all)
    for (const role needed : all) {
      INFO(to_text(has) << " asks for what needs " << to_text(needed));
      const bool expected = needed == role::none || has == role::admin || has == needed ||
                            (has == role::producer && needed == role::read);
      CHECK(allows(has, needed) == expected);
    }
  CHECK_FALSE(parse_role("none"));
  CHECK(parse_role("worker") == role::worker);
}

TEST_CASE("digests are equal only if every byte is") {
  const auto one = parse_digest(std::string(64, '5'));
  REQUIRE(one);
  CHECK(same_digest(*one, *one));
  for (std::size_t i = 0; i < one->size(); ++i)
    for (const unsigned bit : {1u, 16u, 128u}) {
      token_digest other = *one;
      other[i] = static_cast<std::uint8_t>(other[i] ^ bit);
      CHECK_FALSE(same_digest(*one, other));
    }
  CHECK(parse_digest(to_hex(*one)) == one);
  CHECK_FALSE(parse_digest(std::string(63, '5')));
  CHECK_FALSE(parse_digest(std::string(64, 'g')));
}

TEST_CASE("a token is valid from its commit on, and the record of it is in the same commit") {
  access_world one;
  one.answers_commits = false;
  one.create("shop");
  CHECK(one.valid.empty());
  CHECK(one.answers.empty());
  REQUIRE(one.sent);
  CHECK(one.sent->states.size() == 2);
  one.commit();
  REQUIRE(one.valid.size() == 1);
  CHECK(one.valid[0].name == "shop");
  CHECK(one.answers[1].code == errc::none);
  REQUIRE(one.audit().size() == 1);
  const audit_record record = one.audit()[0];
  CHECK(record.who == "ann");
  CHECK(record.from == "10.0.0.1");
  CHECK(record.what == "token.create");
  CHECK(record.target == "shop");
  CHECK(record.result == "done");
  CHECK(record.arguments.find("digest") == std::string::npos);
  CHECK(audit_text(record).find(digest_a) == std::string::npos);
}

TEST_CASE("a token that is revoked is valid no more at once, whatever the store says") {
  access_world one;
  one.create("shop");
  one.answers_commits = false;
  one.ask("token.revoke", {{"name", "shop"}});
  CHECK(one.valid.empty()); // before the commit is answered
  SECTION("and is gone with the commit") {
    one.commit();
    CHECK_FALSE(one.is_stored("shop"));
    CHECK(one.answers[2].code == errc::none);
    CHECK(one.answers[2].body.find("no admin token is left") != std::string::npos);
  }
  SECTION("also when it refuses; then it can be tried again") {
    one.refuses = errc::disk_full;
    one.commit();
    CHECK(one.answers[2].code == errc::disk_full);
    CHECK(one.is_stored("shop"));
    CHECK(one.valid.empty());
    one.refuses = errc::none;
    one.answers_commits = true;
    CHECK(one.refusal("token.revoke", {{"name", "shop"}}) == errc::none);
    CHECK_FALSE(one.is_stored("shop"));
  }
}

TEST_CASE("what a token may not be is refused, and leaves neither a token nor a record") {
  access_world one;
  one.create("shop");
  const json good{{"role", "read"}, {"name", "x"}, {"digest", digest_a}};
  const auto with = [&](const char* key, const json& value) {
    json words = good;
    words[key] = value;
    return one.refusal("token.create", words);
  };
  CHECK(with("name", "shop") == errc::state_conflict);
  CHECK(with("name", "../x") == errc::invalid_argument);
  CHECK(with("role", "none") == errc::invalid_argument);
  CHECK(with("role", "root") == errc::invalid_argument);
  CHECK(with("digest", "12") == errc::invalid_argument);
  CHECK(with("expires_in", "-1h") == errc::invalid_argument);
  CHECK(with("expires_in", "99999d") == errc::invalid_argument);
  CHECK(one.refusal("token.revoke", {{"name", "nobody"}}) == errc::not_found);
  CHECK(one.valid.size() == 1);
  CHECK(one.audit().size() == 1);
}

TEST_CASE("a name is found for who gives none, and a token expires when it was said") {
  access_world one;
  CHECK(one.create("", "read")["name"] == "read-1");
  CHECK(one.create("", "read", "90d")["name"] == "read-2");
  CHECK(one.audit()[0].target == "read-1"); // both of one moment
  CHECK(one.audit()[1].target == "read-2");
  const json list = json::parse(one.answers[one.ask("token.list", json::object())].body);
  REQUIRE(list["tokens"].size() == 2);
  CHECK(list["tokens"][0]["expires"].is_null());
  CHECK(list["tokens"][1]["expires"] == "2026-05-01T12:00:00Z");
  CHECK(list.dump().find(digest_a) == std::string::npos);
}

TEST_CASE("tokens are read back as they were kept") {
  access_world one;
  one.create("shop", "admin", "1h");
  access_core again{test_settings()};
  for (const auto& [key, text] : one.stored)
    if (key.first == raw(tokens))
      again.recover(key.second, text);
  CHECK(again.valid_tokens() == one.valid);
  CHECK(one.valid[0].is_valid(one.now.wall + 59min));
  CHECK_FALSE(one.valid[0].is_valid(one.now.wall + 1h));
  again.recover("odd", "{\"role\":\"admin\"}"); // no digest: nobody is let in by it
  CHECK(again.valid_tokens() == one.valid);
}

TEST_CASE("when a token was used last is kept to the minute, and written once a minute") {
  access_world one;
  one.create("shop");
  REQUIRE(one.wakes);
  one.now = {one.now.wall + 90s, *one.wakes};
  one.step(tick_in{});
  CHECK(one.uses_asked == 1);
  one.step(token_uses_in{{{"shop", one.now.wall}, {"nobody", one.now.wall}}});
  const std::string first = one.stored[{raw(tokens), "shop"}];
  CHECK(read_token("shop", first)->last_used == one.now.wall - 30s);
  one.answers_commits = false;
  one.step(token_uses_in{{{"shop", one.now.wall + 5s}}}); // the same minute
  CHECK_FALSE(one.sent);
  CHECK(one.audit().size() == 1); // to look is no change
}

TEST_CASE("a record that the store refuses is told of, and offered again until it is there") {
  access_world one;
  one.refuses = errc::disk_full;
  audit_record record =
      make_audit({"ann", "::1"}, "n1", "event.cancel", {{"event", "17-42"}}, one.now.wall);
  one.step(audit_note_in{5, record});
  CHECK(one.answers[5].code == errc::disk_full);
  CHECK(one.audit().empty());
  one.refuses = errc::none;
  one.step(tick_in{}); // too early
  CHECK(one.audit().empty());
  one.now.boot += 2s;
  one.step(tick_in{});
  REQUIRE(one.audit().size() == 1);
  CHECK(one.audit()[0].target == "17-42");
}

TEST_CASE("records out of the retention time go in steps") {
  access_world one;
  one.step(audit_note_in{1, make_audit({"ann", ""}, "n1", "x", json::object(), one.now.wall)});
  REQUIRE(one.audit().size() == 1);
  const std::string key = one.stored.begin()->first.second;
  one.now.boot += 2h;
  one.now.wall += 24h * 8;
  one.step(tick_in{});
  CHECK(one.looks_behind == audit_key_of(one.now.wall - 24h * 7));
  CHECK(key > one.looks_behind); // it is older
  one.looks_behind.clear();
  one.step(old_records_in{{key}, true});
  CHECK(one.audit().empty());
  CHECK_FALSE(one.looks_behind.empty()); // there are more
}

TEST_CASE("records say what was asked for, but neither payloads nor secrets, and are bounded") {
  const json words{{"job", "report"},
                   {"definition", {{"every", "1h"}, {"data", "canary-payload"}}},
                   {"why", std::string(5'000, 'x')}};
  const audit_record made = make_audit({"ann", "::1"}, "n1", "job.create", words, no_instant);
  CHECK(made.target == "report");
  CHECK(made.arguments.find("\"every\":\"1h\"") != std::string::npos);
  CHECK(made.arguments.find("canary") == std::string::npos);
  CHECK(made.arguments.size() < 1'300);
  const auto read = read_audit(audit_text(made));
  REQUIRE(read);
  CHECK(audit_page(*read) == audit_page(made));
}

TEST_CASE("newer records come before older ones, and two of one moment are apart") {
  audit_record older = make_audit({"a", ""}, "n1", "x", json::object(), from_ns(1'000));
  audit_record newer = make_audit({"a", ""}, "n1", "x", json::object(), from_ns(1'001));
  CHECK(audit_key(newer, "a1") < audit_key(older, "a1"));
  CHECK(audit_key(older, "a1") != audit_key(older, "a2"));
  CHECK(audit_key_of(from_ns(1'000)) < audit_key(older, "a1"));
  CHECK(audit_key_of(from_ns(1'000)) > audit_key(newer, "a1"));
}

TEST_CASE("on the way to a stop commands are refused, but records are still written") {
  access_world one;
  one.step(stop_starting_in{});
  CHECK(one.refusal("token.revoke", {{"name", "x"}}) == errc::draining);
  one.step(audit_note_in{9, make_audit({"ann", ""}, "n1", "x", json::object(), one.now.wall)});
  CHECK(one.answers[9].code == errc::none);
  CHECK(one.audit().size() == 1);
}
