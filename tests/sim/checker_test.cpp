// The checker itself: good histories pass, and for each rule hand-made bad ones fail with that
// rule's name.
#include "tests/sim/checker.hpp"

#include <catch2/catch.hpp>

using namespace skein;
using namespace skein::test;
using namespace std::chrono_literals;

namespace {

constexpr event_id e1{shard_id{1}, 1}, e2{shard_id{1}, 2}, e3{shard_id{2}, 3};
constexpr delivery_id d1{e1, 0}, d2{e2, 0}, d3{e3, 0};
constexpr agent_no agent{0};

/// Builds a history; time passes by a millisecond a record.
class story {
 public:
  story() {
    told_.settings.concurrency = {2};
    told_.settings.pure = {false};
    tell(booted{});
  }
  story& tell(happening what) {
    now_.wall += 1ms;
    now_.boot += 1ms;
    told_.records.push_back({now_, std::move(what)});
    return *this;
  }
  story& window(duration time) {
    told_.settings.dedupe_window = time;
    return *this;
  }
  story& retention(duration time) {
    told_.settings.retention = time;
    return *this;
  }
  story& keep_up() { return tell(kept_up{now_.wall}); }
  story& wait(duration by) {
    now_.wall += by;
    now_.boot += by;
    return *this;
  }
  story& set_clock(duration by) {
    now_.wall += by;
    return *this;
  }
  story& offer(std::uint64_t request, std::uint64_t identity, std::uint64_t content = 7) {
    return tell(offered{request, {{{0, identity}, content}}});
  }
  story& answer(std::uint64_t request, publish_result said) {
    return tell(answered{request, {said}});
  }
  story& store(event_id event, std::uint64_t identity, instant due = no_instant,
               const char* key = "k", bool kept = false) {
    accepted made;
    made.kept = kept;
    made.event = event;
    made.what = {{0, identity}, 7};
    made.key = key;
    made.agents = {agent};
    made.body = 70 + event.sequence;
    made.at = now_.wall;
    made.due = due;
    return tell(std::move(made));
  }
  story& start(delivery_id id, std::uint32_t attempt = 1, const char* token = nullptr) {
    return tell(turn_started{{id, attempt},
                             agent,
                             token != nullptr ? token : "t" + std::to_string(id.event.sequence),
                             attempt});
  }
  /// A turn of its first attempt, after so many sleeps.
  story& resume(delivery_id id, std::uint32_t sleeps, const std::string& state = {}) {
    return tell(turn_started{{id, sleeps + 1},
                             agent,
                             "t" + std::to_string(id.event.sequence) + "." + std::to_string(sleeps),
                             1,
                             sleeps,
                             state});
  }
  /// Its end, and the record of it.
  story& rest(delivery_id id, std::uint32_t turn, duration time, kept_state kept = std::nullopt) {
    tell(turn_ended{{id, turn}, agent, turn_verdict::slept, 0, time, kept});
    return tell(attempt_failed{id, turn, now_.wall + time, true, std::move(kept)});
  }
  story& end(delivery_id id, std::uint32_t attempt = 1, turn_verdict verdict = turn_verdict::done) {
    return tell(turn_ended{{id, attempt}, agent, verdict, 0});
  }
  story& finish(delivery_id id, delivery_state state = delivery_state::done, errc code = errc::none,
                std::uint32_t attempt = 1) {
    finished made;
    made.delivery = id;
    made.state = state;
    made.code = code;
    made.attempt = attempt;
    made.at = now_.wall;
    return tell(std::move(made));
  }
  story& whole(event_id event, std::uint64_t identity) {
    const delivery_id id{event, 0};
    return store(event, identity).start(id).end(id).finish(id);
  }
  story& ledger(std::uint64_t accepted_events, std::uint64_t done, std::uint64_t pending) {
    journal::ledger read;
    read.accepted = accepted_events;
    read.done = done;
    read.pending = pending;
    return tell(ledgers_read{read, read});
  }
  story& crash_alone(delivery_id id) {
    return tell(start_marked{id, true}).start(id).tell(crashed{}).tell(booted{true});
  }
  instant now() const { return now_.wall; }
  const history& told() const { return told_; }

 private:
  history told_;
  moment now_{instant{std::chrono::hours{10'000}}, boot_time{std::chrono::hours{1}}};
};

bool breaks(const story& of, const std::string& rule) {
  for (const violation& each : check(of.told()))
    if (each.rule == rule)
      return true;
  return false;
}
bool good(const story& of) {
  const auto found = check(of.told());
  for (const violation& each : found)
    UNSCOPED_INFO(each.rule << ": " << each.text);
  return found.empty();
}

publish_result durable(event_id event, bool duplicate = false) {
  return {errc::none, duplicate, event};
}
publish_result said(errc code) { return {code, false, {}}; }
delivery_state const cancelled = delivery_state::cancelled;

} // namespace

TEST_CASE("good histories pass") {
  CHECK(good(story{}));
  CHECK(good(story{}
                 .offer(1, 5)
                 .whole(e1, 5)
                 .answer(1, durable(e1))
                 .ledger(1, 1, 0)
                 .tell(settled{})
                 .tell(found_event{e1, 71, {delivery_state::done}})));
  CHECK(good(story{}
                 .offer(1, 5)
                 .store(e1, 5)
                 .tell(crashed{})
                 .tell(booted{true})
                 .tell(start_marked{d1, false})
                 .start(d1)
                 .end(d1)
                 .finish(d1)
                 .tell(settled{})));
  CHECK(good(story{}
                 .store(e1, 5)
                 .start(d1)
                 .end(d1, 1, turn_verdict::failed)
                 .tell(attempt_failed{d1, 1, no_instant})
                 .start(d1, 2)
                 .end(d1, 2)
                 .finish(d1, delivery_state::done, errc::none, 2)));
  CHECK(good(story{}.whole(e1, 5).whole(e2, 6)));
  CHECK(good(story{}
                 .store(e1, 5)
                 .tell(cancel_asked{9, e1})
                 .finish(d1, cancelled)
                 .tell(cancel_answered{9, errc::none})));
  CHECK(good(story{}.store(e1, 5).crash_alone(d1).crash_alone(d1).crash_alone(d1).finish(
      d1, delivery_state::dead, errc::agent_crashed, 0)));
  story told_late; // of the third start the process did not know whether it was durable
  told_late.store(e1, 5).crash_alone(d1).crash_alone(d1).tell(crashed{}).tell(
      start_marked{d1, true});
  CHECK(
      good(told_late.tell(booted{true}).finish(d1, delivery_state::dead, errc::agent_crashed, 0)));
}

TEST_CASE("an answer before the commit, for an event that is lost, or for a changed one is seen") {
  CHECK(breaks(story{}.offer(1, 5).answer(1, durable(e1)).store(e1, 5), "durable-ack"));
  CHECK(breaks(story{}
                   .offer(1, 5)
                   .whole(e1, 5)
                   .whole(e2, 6)
                   .answer(1, durable(e1))
                   .tell(settled{})
                   .tell(found_event{e2, 72, {delivery_state::done}}),
               "durable-ack"));
  CHECK(breaks(story{}
                   .offer(1, 5)
                   .whole(e1, 5)
                   .answer(1, durable(e1))
                   .tell(found_event{e1, 99, {delivery_state::done}}),
               "durable-ack"));
  CHECK(breaks(story{}.offer(1, 5).whole(e1, 6).answer(1, durable(e1)), "durable-ack"));
}

TEST_CASE("what is not there any more although retention had to leave it is seen") {
  const auto done = [] { return story{}.retention(60s).whole(e1, 5); };
  const auto judged = [](story of) { // e2 alone is read back
    return of.whole(e2, 6).tell(found_event{e2, 72, {delivery_state::done}});
  };
  CHECK(good(judged(done().wait(61s).keep_up())));
  CHECK(breaks(judged(done().wait(61s)), "durable-ack"));
  CHECK(breaks(judged(done().wait(59s).keep_up().wait(2s)), "durable-ack"));
  CHECK(breaks(judged(story{}.retention(60s).store(e1, 5).wait(61s).keep_up().finish(d1)),
               "durable-ack"));
  CHECK(breaks(judged(story{}
                          .retention(60s)
                          .store(e1, 5)
                          .finish(d1, delivery_state::dead, errc::agent_failed)
                          .wait(61s)
                          .keep_up()),
               "durable-ack"));
}

TEST_CASE("a ledger that does not balance or differs from what happened is seen") {
  CHECK(breaks(story{}.store(e1, 5).ledger(1, 0, 0), "ledger"));
  CHECK(breaks(story{}.whole(e1, 5).ledger(1, 0, 1), "ledger"));
  CHECK(breaks(story{}.store(e1, 5).ledger(2, 1, 1), "ledger"));
  CHECK(breaks(story{}.tell(found_event{e1, 71, {delivery_state::done}}), "ledger"));
  CHECK(breaks(story{}.store(e1, 5).tell(found_event{e1, 71, {delivery_state::done}}), "ledger"));
}

TEST_CASE("what does not come to an end is seen") {
  CHECK(breaks(story{}.store(e1, 5).tell(settled{}), "terminal"));
  CHECK(breaks(story{}.whole(e1, 5).store(e2, 6).start(d2).tell(settled{}), "terminal"));
  CHECK(breaks(story{}
                   .store(e1, 5)
                   .start(d1)
                   .end(d1, 1, turn_verdict::failed)
                   .tell(attempt_failed{d1, 1, no_instant})
                   .tell(settled{}),
               "terminal"));
  CHECK(breaks(story{}.offer(1, 5).tell(settled{}), "answer"));
  CHECK(check(story{}.store(e1, 5).tell(settled{}).told()).front().kind == breach::liveness);
}

TEST_CASE("effects that happen twice or not at all are seen") {
  CHECK(breaks(story{}.whole(e1, 5).finish(d1), "effects-once"));
  CHECK(breaks(story{}.store(e1, 5).start(d1).end(d1).start(d1), "effects-once"));
  CHECK(breaks(story{}.whole(e1, 5).start(d1, 2), "effects-once"));
  CHECK(breaks(story{}.whole(e1, 5).whole(e2, 6).store(e3, 8).start(d3, 1, "t1"), "effects-once"));
  CHECK(breaks(story{}
                   .store(e1, 5)
                   .start(d1)
                   .tell(turn_ended{{d1, 1}, agent, turn_verdict::done, 2})
                   .finish(d1),
               "effects-once"));
  CHECK(breaks(story{}.finish(d1), "effects-once"));
}

TEST_CASE("a lane out of order is seen") {
  CHECK(breaks(story{}.store(e1, 5).store(e2, 6).start(d2), "lane-order"));
  CHECK(breaks(story{}
                   .store(e1, 5)
                   .store(e2, 6)
                   .start(d1)
                   .end(d1, 1, turn_verdict::failed)
                   .tell(attempt_failed{d1, 1, no_instant})
                   .start(d2),
               "lane-order"));
  CHECK(breaks(story{}.store(e1, 5).store(e2, 6).tell(crashed{}).tell(booted{true}).start(d2),
               "lane-order"));
  CHECK(good(story{}.store(e1, 5).store(e2, 6, no_instant, "other").start(d2)));
}

TEST_CASE("two turns of a lane at once are seen") {
  CHECK(breaks(story{}.store(e1, 5).store(e2, 6).start(d1).start(d2), "lane-overlap"));
  CHECK(breaks(story{}.store(e1, 5).store(e2, 6).start(d2).start(d1), "lane-overlap"));
  CHECK(breaks(story{}.store(e1, 5).store(e2, 6).tell(crashed{}).tell(booted{}).start(d1).start(d2),
               "lane-overlap"));
  CHECK(good(story{}
                 .store(e1, 5)
                 .store(e2, 6)
                 .start(d1)
                 .tell(crashed{})
                 .tell(booted{})
                 .tell(start_marked{d1, false})
                 .start(d1)));
}

TEST_CASE("a turn before its event is due is seen") {
  story early, at_once, after_restart, late;
  CHECK(breaks(early.store(e1, 5, early.now() + 2s).wait(1s).start(d1), "early"));
  CHECK(breaks(at_once.store(e1, 5, at_once.now() + 1h).start(d1), "early"));
  CHECK(breaks(
      after_restart.store(e1, 5, after_restart.now() + 1h).tell(crashed{}).tell(booted{}).start(d1),
      "early"));
  CHECK(good(late.store(e1, 5, late.now() + 2s).wait(3s).start(d1)));
}

TEST_CASE("an identity that names two events or other content is seen") {
  CHECK(breaks(story{}.whole(e1, 5).store(e2, 5), "duplicates"));
  CHECK(breaks(story{}.offer(1, 5, 8).whole(e1, 5).answer(1, durable(e1, true)), "duplicates"));
  CHECK(breaks(story{}.offer(1, 5).answer(1, said(errc::identity_conflict)), "duplicates"));
  CHECK(breaks(
      story{}.offer(1, 5).whole(e1, 5).answer(1, durable(e1)).offer(2, 5).answer(2, durable(e1)),
      "duplicates"));
  CHECK(good(story{}.offer(1, 5, 8).whole(e1, 5).answer(1, said(errc::identity_conflict))));
}

TEST_CASE("an identity may come again when the window is over, not before") {
  CHECK(good(story{}.window(10s).whole(e1, 5).wait(11s).whole(e2, 5)));
  CHECK(breaks(story{}.window(10s).whole(e1, 5).wait(9s).whole(e2, 5), "duplicates"));
  CHECK(breaks(story{}.window(10s).whole(e1, 5).wait(9s).keep_up().whole(e2, 5), "duplicates"));
  CHECK(good(story{}.window(10s).whole(e1, 5).wait(10s).keep_up().set_clock(-9s).whole(e2, 5)));
}

TEST_CASE("an event that nobody offered is seen") {
  CHECK(breaks(story{}.offer(1, 5).store(e1, 6), "invention"));
}

TEST_CASE("an event that came with states of ours was offered by nobody, and need not be") {
  CHECK(good(story{}.offer(1, 5).store(e1, 6, no_instant, "k", true)));
  const story refused = story{}.offer(1, 5).answer(1, said(errc::disk_full));
  CHECK(good(story{refused}.store(e1, 5, no_instant, "k", true)));
  CHECK(breaks(story{refused}.store(e1, 5), "unknown"));
}

TEST_CASE("more turns of an agent than configured are seen") {
  const auto three = [](story of) {
    return of.store(e1, 5, no_instant, "a")
        .store(e2, 6, no_instant, "b")
        .store(e3, 7, no_instant, "c");
  };
  CHECK(breaks(three(story{}).start(d1).start(d2).start(d3), "bounded"));
  CHECK(breaks(three(story{}).start(d1).start(d2).finish(d1, cancelled).start(d3), "bounded"));
  CHECK(breaks(three(story{}).tell(crashed{}).tell(booted{}).start(d1).start(d2).start(d3),
               "bounded"));
  CHECK(good(three(story{}).start(d1).start(d2).end(d1).finish(d1).start(d3)));
}

TEST_CASE("a drain that takes in, leaves turns without saying so, or never ends is seen") {
  CHECK(breaks(story{}.tell(drain_began{}).wait(1s).offer(1, 5).whole(e1, 5).answer(1, durable(e1)),
               "drain"));
  CHECK(breaks(story{}.store(e1, 5).start(d1).tell(drain_began{}).tell(drain_ended{0, false}),
               "drain"));
  CHECK(breaks(story{}.tell(drain_began{}).wait(1min).offer(1, 5), "drain"));
  CHECK(good(story{}.store(e1, 5).start(d1).tell(drain_began{}).tell(drain_ended{75, false})));
}

TEST_CASE("a definite no for what is in the store is seen") {
  for (const errc code : {errc::overloaded, errc::disk_full, errc::draining})
    CHECK(breaks(story{}.offer(1, 5).whole(e1, 5).answer(1, said(code)), "unknown"));
  CHECK(good(story{}.offer(1, 5).whole(e1, 5).answer(1, said(errc::unknown_outcome))));
  CHECK(good(story{}
                 .offer(1, 5)
                 .answer(1, said(errc::disk_full))
                 .offer(2, 5)
                 .whole(e1, 5)
                 .answer(2, durable(e1))));
}

TEST_CASE("a cancel that is answered early or untruly is seen") {
  const auto asked = [] { return story{}.store(e1, 5).tell(cancel_asked{9, e1}); };
  CHECK(breaks(asked().tell(cancel_answered{9, errc::none}).finish(d1, cancelled), "cancel"));
  CHECK(breaks(asked().finish(d1).tell(cancel_answered{9, errc::none}), "cancel"));
  CHECK(breaks(asked().tell(cancel_answered{9, errc::already_terminal}), "cancel"));
  CHECK(breaks(asked().tell(cancel_answered{9, errc::not_found}), "cancel"));
  CHECK(good(asked().finish(d1).tell(cancel_answered{9, errc::already_terminal})));
  const auto old = [] { return story{}.retention(60s).whole(e1, 5).wait(61s); };
  CHECK(good(old().keep_up().tell(cancel_asked{9, e1}).tell(cancel_answered{9, errc::not_found})));
  CHECK(
      breaks(old().tell(cancel_asked{9, e1}).tell(cancel_answered{9, errc::not_found}), "cancel"));
}

TEST_CASE("a retry before its time, or a lost count of attempts, is seen") {
  const auto failed = [](duration pause) {
    story of;
    of.store(e1, 5).start(d1).end(d1, 1, turn_verdict::failed);
    return of.tell(attempt_failed{d1, 1, of.now() + pause});
  };
  CHECK(breaks(failed(5s).wait(1s).start(d1, 2), "retry"));
  CHECK(breaks(failed(5s).tell(crashed{}).tell(booted{}).start(d1, 2), "retry"));
  const auto restarted_ahead = [&] {
    return failed(5s).tell(crashed{}).set_clock(4s).tell(booted{}).set_clock(-3s);
  };
  CHECK(breaks(restarted_ahead().start(d1, 2), "retry"));
  CHECK(good(restarted_ahead().wait(1s).start(d1, 2)));
  CHECK(breaks(failed(5s).wait(10s).tell(crashed{}).tell(booted{}).start(d1, 1), "retry"));
  CHECK(breaks(failed(0s).tell(attempt_failed{d1, 1, no_instant}), "retry"));
  CHECK(good(failed(5s).wait(6s).start(d1, 2)));
}

TEST_CASE("who goes on before its sleep is over, or not as often as it slept, is seen") {
  const auto slept = [] { return story{}.store(e1, 5).start(d1).rest(d1, 1, 5s); };
  CHECK(good(slept().wait(5s).resume(d1, 1).rest(d1, 2, 1s).wait(1s).resume(d1, 2)));
  CHECK(breaks(slept().wait(4s).resume(d1, 1), "sleep"));
  CHECK(breaks(slept().set_clock(10s).wait(4s).resume(d1, 1), "sleep")); // it counts by the time
  CHECK(breaks(slept().wait(3s).tell(crashed{}).tell(booted{}).resume(d1, 1), "sleep"));
  CHECK(good(slept().wait(3s).tell(crashed{}).tell(booted{}).wait(2s).resume(d1, 1)));
  CHECK(breaks(slept().wait(5s).start(d1, 1), "sleep")); // as if it had not slept
  CHECK(breaks(slept().wait(5s).start(d1, 2), "sleep")); // or had failed
  CHECK(breaks(slept().wait(5s).resume(d1, 2), "sleep"));
  CHECK(breaks(slept().tell(attempt_failed{d1, 1, no_instant, true}), "sleep"));
  story early;
  early.store(e1, 5).start(d1);
  early.tell(turn_ended{{d1, 1}, agent, turn_verdict::slept, 0, 5s});
  early.tell(attempt_failed{d1, 1, early.now() + 4s, true});
  CHECK(breaks(early, "sleep")); // also if nobody goes on
}

TEST_CASE("a token of who goes on that was one of before is seen") {
  story same;
  same.store(e1, 5).resume(d1, 0).rest(d1, 1, 1s).wait(1s);
  CHECK(breaks(same.tell(turn_started{{d1, 2}, agent, "t1.0", 1, 1}), "effects-once"));
}

TEST_CASE("a state that is lost, invented or given to the wrong turn is seen") {
  const auto slept = [](kept_state kept) {
    return story{}.store(e1, 5).start(d1).rest(d1, 1, 5s, std::move(kept)).wait(5s);
  };
  CHECK(good(slept("1").resume(d1, 1, "1").rest(d1, 2, 1s).wait(1s).resume(d1, 2, "1")));
  CHECK(good(slept("1").resume(d1, 1, "1").rest(d1, 2, 1s, "").wait(1s).resume(d1, 2)));
  CHECK(breaks(slept("1").resume(d1, 1), "state"));
  CHECK(breaks(slept("1").resume(d1, 1, "2"), "state"));
  CHECK(breaks(slept(std::nullopt).resume(d1, 1, "1"), "state"));
  story forgotten;
  forgotten.store(e1, 5).start(d1);
  forgotten.tell(turn_ended{{d1, 1}, agent, turn_verdict::slept, 0, 5s, "1"});
  CHECK(breaks(forgotten.tell(attempt_failed{d1, 1, forgotten.now() + 6s, true}), "state"));
  CHECK(breaks(story{}.store(e1, 5).start(d1).end(d1).tell(
                   finished{d1, delivery_state::done, errc::none, 1, {}, false, {}, "1"}),
               "state"));
}

TEST_CASE("a dead letter without its crashes, and a suspect without a durable start, are seen") {
  CHECK(breaks(story{}.store(e1, 5).finish(d1, delivery_state::dead, errc::agent_crashed, 0),
               "crash-count"));
  CHECK(breaks(story{}.store(e1, 5).crash_alone(d1).crash_alone(d1).finish(d1, delivery_state::dead,
                                                                           errc::agent_crashed, 0),
               "crash-count"));
  CHECK(breaks(story{}.store(e1, 5).start(d1).tell(crashed{}).tell(booted{true}).start(d1),
               "crash-count"));
  story not_alone;
  not_alone.store(e1, 5);
  for (int i = 0; i < 4; ++i)
    not_alone.tell(start_marked{d1, false}).start(d1).tell(crashed{}).tell(booted{true});
  CHECK(breaks(not_alone.finish(d1, delivery_state::dead, errc::agent_crashed, 0), "crash-count"));
}

TEST_CASE("a job whose runs wait while none goes on is seen, unless it is paused") {
  const auto keeps = [](std::map<std::string, bool> paused, std::vector<std::string> idle) {
    jobs_kept made;
    made.paused = std::move(paused);
    made.idle = std::move(idle);
    return made;
  };
  CHECK(breaks(story{}.tell(keeps({}, {"j"})), "schedule"));
  CHECK(good(story{}.tell(keeps({{"j", true}}, {"j"}))));
  CHECK(breaks(story{}.tell(keeps({{"j", true}}, {})).tell(keeps({{"j", false}}, {"j"})),
               "schedule"));
}
