// The checks at the door, and what is derived from an event there.
#include "protocol/event.hpp"

#include <catch2/catch.hpp>
#include <functional>

using namespace skein;
using namespace std::chrono_literals;

namespace {

const instant now = *parse_rfc3339("2026-07-28T12:00:00Z");
const hash_settings hash{256, 0x0123456789abcdef, 0xfedcba9876543210};

event valid_event() {
  event value;
  value.id = "1";
  value.source = "/test";
  value.type = "com.example.thing";
  return value;
}

result<offered_event> offer_changed(const std::function<void(event&)>& change) {
  event value = valid_event();
  change(value);
  return offer(value, hash, {}, now);
}

offered_event accepted(const std::function<void(event&)>& change) {
  auto offered = offer_changed(change);
  INFO((offered ? std::string{} : to_string(offered.error())));
  REQUIRE(offered.ok());
  return *offered;
}

error refused(const std::function<void(event&)>& change) {
  const auto offered = offer_changed(change);
  REQUIRE_FALSE(offered.ok());
  return offered.error();
}

auto extension(std::string name, extension_value value) {
  return [=](event& each) { each.set_extension(name, value); };
}

} // namespace

TEST_CASE("an offered event carries its encoded bytes and defaults") {
  const offered_event offered = accepted([](event&) {});
  CHECK(*decode_event(offered.body.view()) == valid_event());
  CHECK(offered.head().key == "1");
  CHECK(offered.due == no_instant);
  CHECK(offered.expires == no_instant);
  CHECK(offered.priority == priority_class::hook);
  CHECK(offered.hops == 0);
  CHECK(offered.shard == shard_of("1", hash));
}

TEST_CASE("identity is key, source and id") {
  const auto base = accepted(extension("partitionkey", "k")).identity;
  CHECK(base == accepted([](event& e) {
                  e.set_extension("partitionkey", "k");
                  e.type = "other";
                  e.data = "1";
                  e.kind = data_kind::json;
                }).identity);
  CHECK(base != accepted(extension("partitionkey", "l")).identity);
  CHECK(base != accepted([](event& e) {
                  e.set_extension("partitionkey", "k");
                  e.id = "2";
                }).identity);
  CHECK(base != accepted([](event& e) {
                  e.set_extension("partitionkey", "k");
                  e.source = "/other";
                }).identity);
}

TEST_CASE("identity does not depend on where one part ends and the next begins") {
  const auto ids = [](std::string key, std::string source, std::string id) {
    return accepted([&](event& e) {
             e.set_extension("partitionkey", key);
             e.source = source;
             e.id = id;
           })
        .identity;
  };
  CHECK(ids("ab", "c", "d") != ids("a", "bc", "d"));
  CHECK(ids("a", "bc", "d") != ids("a", "b", "cd"));
}

TEST_CASE("content changes with everything but the time and the trace context") {
  const auto base = accepted([](event&) {}).content;
  const std::vector<std::function<void(event&)>> same{
      [](event& e) { e.time = "2026-07-28T11:00:00Z"; },
      extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
      extension("tracestate", "a=b")};
  for (const auto& change : same)
    CHECK(accepted(change).content == base);
  const std::vector<std::function<void(event&)>> other{
      [](event& e) { e.type = "other"; },
      [](event& e) { e.subject = "1"; },
      [](event& e) { e.datacontenttype = "text/plain"; },
      [](event& e) { e.dataschema = "urn:x"; },
      [](event& e) { e.kind = data_kind::text; },
      [](event& e) { e.kind = data_kind::text, e.data = "x"; },
      [](event& e) { e.kind = data_kind::binary, e.data = "x"; },
      extension("partitionkey", "1"),
      extension("due", "+10s"),
      extension("abc", "d"),
      extension("abcd", "")};
  std::vector<std::uint64_t> seen{base};
  for (const auto& change : other) {
    const auto content = accepted(change).content;
    CHECK(std::find(seen.begin(), seen.end(), content) == seen.end());
    seen.push_back(content);
  }
}

TEST_CASE("an extension is the same content by its text, as binary mode has no types") {
  CHECK(accepted(extension("n", 5)).content == accepted(extension("n", "5")).content);
  CHECK(accepted(extension("n", true)).content == accepted(extension("n", "true")).content);
  CHECK(accepted(extension("n", -1)).content != accepted(extension("n", 1)).content);
}

TEST_CASE("the seed decides shards, identities and contents") {
  hash_settings other = hash;
  ++other.seed_low;
  const auto one = *offer(valid_event(), hash, {}, now);
  const auto two = *offer(valid_event(), other, {}, now);
  CHECK(one.identity != two.identity);
  CHECK(one.content != two.content);
}

TEST_CASE("keys spread evenly over the shards") {
  std::vector<int> counts(hash.shards);
  constexpr int keys = 256'000;
  for (int i = 0; i < keys; ++i)
    ++counts[raw(shard_of("key-" + std::to_string(i), hash))];
  // 1,000 a shard, standard deviation 32: six of them is far beyond chance.
  CHECK(*std::min_element(counts.begin(), counts.end()) > 800);
  CHECK(*std::max_element(counts.begin(), counts.end()) < 1'200);
}

TEST_CASE("due is an instant or a time from acceptance, and the past is at once") {
  CHECK(accepted(extension("due", "+10s")).due == from_acceptance(10s));
  CHECK(accepted(extension("due", "+1h30m")).due == from_acceptance(90min));
  CHECK(accepted(extension("due", "2026-07-28T14:00:01+02:00")).due == now + 1s);
  CHECK(accepted(extension("due", "+0s")).due == no_instant);
  CHECK(accepted(extension("due", "2026-07-28T12:00:00Z")).due == no_instant);
  CHECK(accepted(extension("due", "1999-01-01T00:00:00Z")).due == no_instant);
  CHECK(accepted(extension("due", "1960-01-01T00:00:00Z")).due == no_instant);
}

TEST_CASE("a time from acceptance becomes absolute by the acceptance's time, without overflow") {
  CHECK(resolved(from_acceptance(10s), now) == now + 10s);
  CHECK(resolved(now, now + 5s) == now);
  CHECK(resolved(no_instant, now) == no_instant);
  CHECK(resolved(from_acceptance(duration::max()), now) == instant::max());
}

TEST_CASE("expires is later than now") {
  CHECK(accepted(extension("expires", "+10s")).expires == from_acceptance(10s));
  CHECK(accepted(extension("expires", "2026-07-28T12:00:01Z")).expires == now + 1s);
  for (const auto* text : {"+0s", "2026-07-28T12:00:00Z", "1999-01-01T00:00:00Z",
                           "1970-01-01T00:00:00Z", "1960-01-01T00:00:00Z"}) {
    const error problem = refused(extension("expires", text));
    CHECK(problem.code == errc::invalid_time);
    CHECK_THAT(problem.detail, Catch::StartsWith("expires"));
    CHECK_THAT(problem.detail, Catch::Contains("later than now"));
  }
}

TEST_CASE("an event whose absolute time is over is kept for the journal to judge when asked") {
  const auto kept = [](const char* text) {
    event value = valid_event();
    value.set_extension("expires", std::string{text});
    return offer(value, hash, {}, now, late_event::keep);
  };
  CHECK(kept("1999-01-01T00:00:00Z").value().expires == *parse_rfc3339("1999-01-01T00:00:00Z"));
  for (const auto* never_right : {"+0s", "1960-01-01T00:00:00Z", "soon"})
    CHECK(kept(never_right).error().code == errc::invalid_time);
}

TEST_CASE("a due or expires that is no time is an error that shows how to write one") {
  for (const auto* name : {"due", "expires"})
    for (const auto* text : {"soon", "10s", "+", "+10", "+-1s", "+1.5s", "2026-07-28", "++1s",
                             "+1d99999999999999999999"}) {
      CAPTURE(name, text);
      const error problem = refused(extension(name, text));
      CHECK(problem.code == errc::invalid_time);
      CHECK_THAT(problem.detail, Catch::StartsWith(name));
      CHECK_THAT(problem.detail, Catch::Contains("+10s"));
    }
}

TEST_CASE("a time that is written well but too far away is told so") {
  for (const auto* name : {"due", "expires"})
    for (const auto* text : {"9999-01-01T00:00:00Z", "2261-12-31T23:59:59-01:00", "+106751d",
                             "+100000d", "+200000d1s", "+99999999999999999999d"}) {
      CAPTURE(name, text);
      const error problem = refused(extension(name, text));
      CHECK(problem.code == errc::invalid_time);
      CHECK(problem.detail ==
            std::string{name} + " is too far away; the times there are end with the year 2261.");
    }
}

TEST_CASE("an event that would expire before it is due is refused") {
  const auto with = [](const char* due, const char* expires, late_event late) {
    event value = valid_event();
    value.set_extension("due", std::string{due});
    value.set_extension("expires", std::string{expires});
    const auto offered = offer(value, hash, {}, now, late);
    return offered ? std::string{} : offered.error().detail;
  };
  const char* const in_10s = "2026-07-28T12:00:10Z";
  const char* const in_20s = "2026-07-28T12:00:20Z";
  for (const late_event late : {late_event::refuse, late_event::keep}) {
    for (const auto& [due, expires] : {std::pair{in_20s, in_10s},
                                       {in_20s, in_20s},
                                       {"+20s", "+10s"},
                                       {"+10s", "+10s"},
                                       {in_20s, "+10s"}})
      CHECK_THAT(with(due, expires, late), Catch::StartsWith("expires is not after due"));
    for (const auto& [due, expires] : {std::pair{in_10s, in_20s},
                                       {"+10s", "+20s"},
                                       {in_10s, "+20s"},
                                       {"+10s", in_20s},
                                       {"1999-01-01T00:00:00Z", "+1s"},
                                       {"+0s", in_10s}})
      CHECK(with(due, expires, late) == "");
  }
  CHECK(with("+20s", in_10s, late_event::refuse) != "");
  CHECK(with("+20s", in_10s, late_event::keep) == ""); // one that was accepted 10 s ago
}

TEST_CASE("priority is one of the five classes") {
  CHECK(accepted(extension("priority", "people")).priority == priority_class::people);
  CHECK(accepted(extension("priority", "replay")).priority == priority_class::replay);
  CHECK(accepted([](event& e) { e.type = "skein.message"; }).priority == priority_class::people);
  const error problem = refused(extension("priority", "high"));
  CHECK(problem.code == errc::invalid_event);
  CHECK_THAT(problem.detail, Catch::Contains("people, hook, job, background, replay"));
}

TEST_CASE("hops are counted and end") {
  CHECK(accepted(extension("skeinhops", "0")).hops == 0);
  CHECK(accepted(extension("skeinhops", "64")).hops == 64);
  CHECK(refused(extension("skeinhops", "65")).code == errc::too_many_hops);
  for (const auto* text : {"-1", "1x", "x", "4294967296", "1.5", " 1"})
    CHECK(refused(extension("skeinhops", text)).code == errc::invalid_event);
}

TEST_CASE("our own extensions are Strings that are not empty") {
  for (const auto* name : {"partitionkey", "due", "expires", "priority", "skeinhops"}) {
    CAPTURE(name);
    const error number = refused(extension(name, 5));
    CHECK(number.code == errc::invalid_event);
    CHECK(number.detail == std::string{name} + " must be a String.");
    const error empty = refused(extension(name, ""));
    CHECK(empty.code == errc::invalid_event);
    CHECK_THAT(empty.detail, Catch::StartsWith(name));
  }
}

TEST_CASE("an attribute of the wrong form is named in the error") {
  struct bad {
    std::string name;
    errc code;
    std::function<void(event&)> change;
  };
  const std::vector<bad> cases{
      {"id", errc::invalid_event, [](event& e) { e.id = ""; }},
      {"id", errc::too_large, [](event& e) { e.id.assign(limits::id_bytes_max + 1, 'x'); }},
      {"id", errc::invalid_event, [](event& e) { e.id = "a\nb"; }},
      {"id", errc::invalid_event, [](event& e) { e.id = "a\x7f"; }},
      {"id", errc::invalid_event, [](event& e) { e.id = "long enough \x80 not UTF-8"; }},
      {"id", errc::invalid_event, [](event& e) { e.id = "\xc2\x85"; }},
      {"id", errc::invalid_event, [](event& e) { e.id = "\xef\xbf\xbf"; }},
      {"id", errc::invalid_event, [](event& e) { e.id = "\xef\xb7\x90"; }},
      {"id", errc::invalid_event, [](event& e) { e.id = "\xf0\x9f\xbf\xbe"; }},
      {"source", errc::invalid_event, [](event& e) { e.source = ""; }},
      {"source", errc::invalid_event, [](event& e) { e.source = "a b"; }},
      {"source", errc::invalid_event, [](event& e) { e.source = "a%2"; }},
      {"source", errc::invalid_event, [](event& e) { e.source = "a%zz"; }},
      {"source", errc::too_large, [](event& e) { e.source.assign(limits::id_bytes_max + 1, 'x'); }},
      {"type", errc::invalid_event, [](event& e) { e.type = ""; }},
      {"type", errc::too_large, [](event& e) { e.type.assign(limits::id_bytes_max + 1, 'x'); }},
      {"subject", errc::invalid_event, [](event& e) { e.subject = ""; }},
      {"subject", errc::too_large,
       [](event& e) { e.subject = std::string(limits::id_bytes_max + 1, 'x'); }},
      {"time", errc::invalid_time, [](event& e) { e.time = "lunchtime"; }},
      {"time", errc::too_large,
       [](event& e) {
         e.time = "2026-07-28T12:00:00." + std::string(limits::attribute_bytes_max, '0') + "Z";
       }},
      {"datacontenttype", errc::invalid_event, [](event& e) { e.datacontenttype = "json"; }},
      {"datacontenttype", errc::invalid_event, [](event& e) { e.datacontenttype = "a/b c"; }},
      {"datacontenttype", errc::invalid_event, [](event& e) { e.datacontenttype = ""; }},
      {"dataschema", errc::invalid_event, [](event& e) { e.dataschema = "order.json"; }},
      {"dataschema", errc::invalid_event, [](event& e) { e.dataschema = ":x"; }},
      {"dataschema", errc::too_large,
       [](event& e) { e.dataschema = "urn:" + std::string(limits::attribute_bytes_max, 'x'); }},
      {"partitionkey", errc::too_large,
       extension("partitionkey", std::string(limits::id_bytes_max + 1, 'x'))},
      {"other", errc::too_large,
       extension("other", std::string(limits::attribute_bytes_max + 1, 'x'))},
      {"other", errc::invalid_event, extension("other", "tab\t")},
      {"Other", errc::invalid_event, extension("Other", "x")},
      {"an_other", errc::invalid_event, extension("an_other", "x")},
      {"subject", errc::invalid_event, extension("subject", "x")},
      {"specversion", errc::invalid_event, extension("specversion", "1.0")},
      {"data", errc::invalid_event, [](event& e) { e.data = "x"; }},
      {"data", errc::invalid_event, [](event& e) { e.kind = data_kind::json; }},
      {"data", errc::invalid_event, [](event& e) { e.kind = data_kind::text, e.data = "\xff"; }},
  };
  for (const bad& each : cases) {
    const error problem = refused(each.change);
    CAPTURE(each.name, problem.detail);
    CHECK(problem.code == each.code);
    CHECK_THAT(problem.detail, Catch::StartsWith(each.name + " "));
    CHECK_THAT(problem.detail, Catch::EndsWith("."));
  }
}

TEST_CASE("attributes at their limits and of unusual but allowed form are accepted") {
  accepted([](event& e) {
    e.id.assign(limits::id_bytes_max, 'x');
    e.source = "https://example.com/%C3%A9t%C3%A9?a=b&c[]=d#e";
    e.type.assign(limits::id_bytes_max, 't');
    e.subject = std::string(limits::id_bytes_max, 's');
    e.time = "2026-07-28t12:00:00.5+02:00";
    e.datacontenttype = "text/plain ; charset=\"utf-8\"";
    e.dataschema = "urn:example:a";
  });
  accepted([](event& e) {
    e.id = "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xf0\x9f\x98\x80";
    e.source = "/\xd1\x87\xd0\xb0\xd1\x82/1";
    e.subject = "\xc2\xa0 a b";
  });
  accepted(extension(std::string(limits::attribute_name_bytes_max, 'n'),
                     std::string(limits::attribute_bytes_max, 'v')));
}

TEST_CASE("the number of extensions and the size of an event are limited") {
  const auto with_extensions = [](std::size_t count) {
    return [count](event& e) {
      for (std::size_t i = 0; i < count; ++i)
        e.set_extension("x" + std::to_string(i), 1);
    };
  };
  accepted(with_extensions(limits::extensions_max));
  CHECK(refused(with_extensions(limits::extensions_max + 1)).code == errc::too_large);

  event value = valid_event();
  value.kind = data_kind::binary;
  value.data.assign(1'000, 'x');
  const std::size_t bytes = encode_event(value).size();
  CHECK(offer(value, hash, {bytes}, now).ok());
  const auto larger = offer(value, hash, {bytes - 1}, now);
  REQUIRE_FALSE(larger.ok());
  CHECK(larger.error().code == errc::too_large);
  CHECK_THAT(larger.error().detail, Catch::Contains(std::to_string(bytes)));
}

TEST_CASE("extensions that are not sorted or come twice are refused") {
  CHECK(refused([](event& e) { e.extensions = {{"b", 1}, {"a", 1}}; }).code == errc::invalid_event);
  CHECK(refused([](event& e) { e.extensions = {{"a", 1}, {"a", 1}}; }).code == errc::invalid_event);
}
