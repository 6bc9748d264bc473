#include "sample_messages.hpp"

namespace skein::test {

namespace {

constexpr std::uint64_t largest = UINT64_MAX;
const instant some_time = from_ns(1'785'242'096'123'456'789);

turn_id turn(std::uint64_t sequence, std::uint32_t attempt = 2, std::uint32_t shard = 17,
             std::uint8_t index = 3) {
  return {{{shard_id{shard}, sequence}, index}, attempt};
}

offered_event golden_offered() {
  offered_event offered;
  offered.shard = shard_id{17};
  offered.identity = {0x0123456789abcdef, 0xfedcba9876543210};
  offered.content = 0x1122334455667788;
  offered.priority = priority_class::job;
  offered.due = some_time;
  offered.expires = some_time + std::chrono::seconds{1};
  offered.hops = 3;
  offered.body = slice{encode_event(golden_event())};
  return offered;
}

offered_event smallest_offered() {
  offered_event offered;
  offered.identity.low = 1;
  return offered;
}

publish_ack golden_publish_ack() {
  return {4711,
          {{errc::none, false, {shard_id{17}, 42}},
           {errc::none, true, {shard_id{255}, 65'536}},
           {errc::disk_full, false, {}}}};
}

dispatch golden_dispatch() {
  dispatched_turn with_state;
  with_state.turn = turn(42);
  with_state.epoch = epoch_no{9};
  with_state.sleeps = 300;
  with_state.has_state = true;
  with_state.state = slice{std::string{R"({"s":1})"}};
  with_state.body = slice{encode_event(golden_event())};
  dispatched_turn without_state;
  without_state.turn = turn(43, 1, 0, 0);
  without_state.epoch = epoch_no{largest};
  return {"bot", {with_state, without_state}};
}

outcomes golden_outcomes() {
  turn_outcome full;
  full.turn = turn(42);
  full.epoch = epoch_no{9};
  full.verdict = turn_verdict::failed;
  full.code = errc::agent_timeout;
  full.error = "took 5 s";
  full.retry_after = std::chrono::seconds{5};
  full.started = some_time;
  full.finished = some_time + std::chrono::nanoseconds{1};
  full.reply_kind = data_kind::text;
  full.reply = slice{std::string{"hi"}};
  full.sets_state = true;
  full.state = slice{std::string{"[1]"}};
  full.emits = {golden_offered()};
  turn_outcome small;
  small.turn = turn(43, 1, 0, 15);
  small.verdict = turn_verdict::returned;
  small.retry_after = std::chrono::nanoseconds{-1};
  small.started = from_ns(-to_ns(some_time));
  small.deletes_state = true;
  turn_outcome slept;
  slept.turn = turn(44);
  slept.epoch = epoch_no{9};
  slept.verdict = turn_verdict::slept;
  slept.retry_after = std::chrono::minutes{10};
  slept.started = slept.finished = some_time;
  slept.sets_state = true;
  slept.state = slice{std::string{"[1]"}};
  return {"bot", {full, small, slept}};
}

// ---- random ones ------------------------------------------------------------------------------

using generator = std::mt19937_64;

/// Any number of bits, so that every width of encoding comes up.
template <class Number>
Number any(generator& random) {
  return static_cast<Number>(random() >> random() % 64);
}

std::string any_bytes(generator& random, std::size_t most = 300) {
  std::string bytes(random() % 32 == 0 ? random() % most : random() % 12, '\0');
  for (char& each : bytes)
    each = static_cast<char>(random());
  return bytes;
}

slice any_slice(generator& random) { return slice{any_bytes(random, 70'000)}; }

instant any_time(generator& random) {
  const auto ns = static_cast<std::int64_t>(random()) >> random() % 64;
  return from_ns(ns);
}

errc any_code(generator& random) { return all_errc()[random() % all_errc().size()]; }

event_id any_event(generator& random) {
  return {shard_id{any<std::uint32_t>(random)}, any<std::uint64_t>(random)};
}

turn_id any_turn(generator& random) {
  const auto index = static_cast<std::uint8_t>(random() % limits::deliveries_per_event_max);
  return {{any_event(random), index}, any<std::uint32_t>(random)};
}

offered_event any_offered(generator& random) {
  offered_event offered;
  offered.shard = shard_id{any<std::uint32_t>(random)};
  offered.identity = {any<std::uint64_t>(random), any<std::uint64_t>(random)};
  offered.content = any<std::uint64_t>(random);
  offered.priority = static_cast<priority_class>(random() % priority_classes);
  offered.due = any_time(random);
  offered.expires = any_time(random);
  offered.hops = any<std::uint32_t>(random);
  offered.body = any_slice(random);
  return offered;
}

dispatched_turn any_dispatched(generator& random) {
  dispatched_turn one;
  one.turn = any_turn(random);
  one.epoch = epoch_no{any<std::uint64_t>(random)};
  one.sleeps = any<std::uint32_t>(random);
  one.has_state = random() % 2 == 0;
  if (one.has_state)
    one.state = any_slice(random);
  one.body = any_slice(random);
  return one;
}

template <class Make>
auto any_list(generator& random, Make make) {
  std::vector<decltype(make(random))> list(random() % 20);
  for (auto& each : list)
    each = make(random);
  return list;
}

turn_outcome any_outcome(generator& random) {
  turn_outcome one;
  one.turn = any_turn(random);
  one.epoch = epoch_no{any<std::uint64_t>(random)};
  one.verdict = static_cast<turn_verdict>(random() % 5);
  one.code = any_code(random);
  one.error = any_bytes(random);
  one.retry_after = any_time(random).time_since_epoch();
  one.started = any_time(random);
  one.finished = any_time(random);
  one.reply_kind = static_cast<data_kind>(random() % 4);
  one.reply = any_slice(random);
  one.sets_state = random() % 2 == 0;
  one.deletes_state = random() % 2 == 0;
  one.state = any_slice(random);
  one.emits = any_list(random, any_offered);
  return one;
}

publish_result any_result(generator& random) {
  return {any_code(random), random() % 2 == 0, any_event(random)};
}

message any_message(generator& random, std::size_t kind) {
  const auto number = [&random] { return any<std::uint64_t>(random); };
  switch (kind) {
    case 0:
      return hello{number()};
    case 1:
      return welcome{number()};
    case 2:
      return publish{any_list(random, any_offered)};
    case 3:
      return publish_ack{number(), any_list(random, any_result)};
    case 4:
      return credit{any_bytes(random), number()};
    case 5:
      return demand{any_bytes(random), number(), number()};
    case 6:
      return grant{any_bytes(random), number()};
    case 7:
      return dispatch{any_bytes(random), any_list(random, any_dispatched)};
    case 8:
      return ack{number()};
    case 9:
      return outcomes{any_bytes(random), any_list(random, any_outcome)};
    case 10:
      return cancel_turns{any_bytes(random), any_list(random, any_turn)};
    case 11:
      return query{number(), any_bytes(random, 70'000)};
    default:
      return answer{number(), any_code(random), any_bytes(random, 70'000)};
  }
}

} // namespace

event golden_event() {
  event value;
  value.id = "evt-1";
  value.source = "/golden";
  value.type = "t.x";
  value.subject = "sub";
  value.time = "2026-07-28T12:34:56Z";
  value.datacontenttype = "application/json";
  value.dataschema = "urn:x";
  value.set_extension("flag", true);
  value.set_extension("n", -5);
  value.set_extension("partitionkey", "k");
  value.kind = data_kind::json;
  value.data = R"({"a":1})";
  return value;
}

std::vector<sample> golden_frames() {
  const address gateway{"n1", "gateway"};
  const address broker{"n1", "broker"};
  const address loop{"n1", "loop/0"};
  const address far_loop{"n2", "loop/0"};
  const address agents{"n1", "agents"};
  constexpr std::uint64_t boot = 0x0123456789abcdef, far_boot = 0xfedcba9876543210;
  return {
      {"hello", {{gateway, broker, 1}, hello{largest}}},
      {"welcome", {{broker, gateway, 1}, welcome{255}}},
      {"publish",
       {{gateway, far_loop, 4711, boot, 0}, publish{{golden_offered(), smallest_offered()}}}},
      {"publish_ack", {{far_loop, gateway, 300, far_boot, boot}, golden_publish_ack()}},
      {"credit", {{agents, broker, 70'000}, credit{"bot", std::uint64_t{1} << 32}}},
      {"demand", {{loop, broker, 0}, demand{"bot", 128, 127}}},
      {"grant", {{broker, loop, largest}, grant{"bot", 65'535}}},
      {"dispatch", {{loop, agents, 4711}, golden_dispatch()}},
      {"ack", {{agents, loop, 4711, 255, 65'536}, ack{4711}}},
      {"outcomes", {{agents, loop, 4711}, golden_outcomes()}},
      {"cancel_turns",
       {{loop, agents, 4711},
        cancel_turns{"bot", {turn(42), turn(std::uint64_t{1} << 40, 1, 255, 0)}}}},
      {"query", {{gateway, loop, 4711}, query{7, R"({"op":"status"})"}}},
      {"answer", {{loop, gateway, 4711}, answer{7, errc::not_found, "No event 17-42."}}},
  };
}

frame random_frame(std::mt19937_64& random, std::size_t kind) {
  frame_header header{{any_bytes(random), any_bytes(random)},
                      {any_bytes(random), any_bytes(random)},
                      any<std::uint64_t>(random),
                      any<std::uint64_t>(random),
                      any<std::uint64_t>(random)};
  return {std::move(header), any_message(random, kind)};
}

} // namespace skein::test
