// What an owner's answer makes of an event on its way there.
#include "actors/cluster/outbox.hpp"

#include <catch2/catch.hpp>

using namespace skein;

TEST_CASE("an event that its owner has is out of the box", "[outbox]") {
  const turn_id turn{{{shard_id{}, 5}, 0}, 1};
  const turn_report said =
      outbox_report(turn, {errc::none, GENERATE(false, true), {shard_id{3}, 9}});
  CHECK(said.turn == turn);
  CHECK(said.verdict == turn_verdict::done);
  CHECK(said.reply == "3-9"); // which a job's keeper looks for
}

TEST_CASE("what no owner will ever take is not offered again", "[outbox]") {
  const errc code =
      GENERATE(errc::identity_conflict, errc::too_many_deliveries, errc::invalid_time);
  CHECK(outbox_report({}, {code, false, {}}).verdict == turn_verdict::rejected);
  CHECK(outbox_report({}, {code, false, {}}).code == code);
}

TEST_CASE("what an owner takes later, or another one, is offered again", "[outbox]") {
  const errc code = GENERATE(errc::not_owner, errc::unknown_outcome, errc::dedupe_full,
                             errc::disk_low, errc::agent_unknown, errc::overloaded);
  CHECK(outbox_report({}, {code, false, {}}).verdict == turn_verdict::failed);
}

TEST_CASE("a box has an identity of its own, and no time", "[outbox]") {
  offered_event emit;
  emit.shard = shard_id{7};
  emit.identity = {1, 2};
  emit.due = from_ns(5);
  emit.expires = from_ns(9);
  emit.priority = priority_class::job;
  const offered_event box = boxed(emit, shard_id{3});
  CHECK(box.shard == shard_id{3});
  CHECK(box.identity != emit.identity);
  CHECK(boxed(emit, shard_id{3}).identity == box.identity);
  CHECK(box.due == no_instant);
  CHECK(box.expires == no_instant);
  CHECK(box.priority == priority_class::job);
}
