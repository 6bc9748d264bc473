#include "tests/support/sim_network.hpp"

#include <array>
#include <string_view>

namespace skein::test {

namespace {
constexpr std::array<std::string_view, std::variant_size_v<message>> kind_names{
    "hello",    "welcome", "publish",  "publish_ack",  "credit", "demand", "grant",
    "dispatch", "ack",     "outcomes", "cancel_turns", "query",  "answer"};
}

sim_network::sim_network(std::string node, const std::vector<std::string>& links,
                         sim_timeline& timeline, sim_random dice, const network_faults& faults,
                         std::function<void(const slice&)> sink,
                         std::function<void(const std::string&)> saw)
  : timeline_{timeline}, dice_{dice}, faults_{faults}, broker_{node}, sink_{std::move(sink)},
    saw_{std::move(saw)} {
  for (const std::string& name : links) {
    links_.emplace(name, std::make_unique<port>(*this, name));
    // A real link greets until it is welcomed; nothing else leaves before.
    broker_.on_frame("link-" + name, encode_frame({{node, name}, {node, "broker"}, 0}, hello{1}));
  }
}

bool sim_network::send(const std::string& from, slice frame) {
  if (!*connected_)
    return false;
  if (dice_.chance(faults_.refuse)) {
    saw_("frame refused");
    return false;
  }
  note_repeats(frame);
  hop(from, [this, from, frame = std::move(frame)] {
    for (delivery_to& each : broker_.on_frame("link-" + from, frame))
      hop("to " + each.link, [this, bytes = std::move(each.bytes)] { sink_(bytes); });
  });
  return true;
}

void sim_network::note_repeats(const slice& frame) {
  const auto peek = peek_frame(frame.view());
  if (peek && peek->header.number != 0 &&
      !reliable_sent_.insert({peek->header.from, peek->header.to, peek->header.number}).second)
    saw_("resend " + std::string{kind_names[peek->kind]});
}

void sim_network::hop(const std::string& lane, std::function<void()> arrive) {
  if (dice_.chance(faults_.drop))
    return saw_("frame dropped");
  const bool twice = dice_.chance(faults_.duplicate);
  if (twice)
    saw_("frame duplicated");
  for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
    boot_time when =
        timeline_.now() + dice_.skewed(std::chrono::microseconds{5}, faults_.delay_max);
    if (!faults_.reorder) {
      boot_time& last = last_arrival_[lane];
      when = last = std::max(last, when);
    }
    timeline_.at(when, [alive = connected_, arrive] {
      if (*alive)
        arrive();
    });
  }
}

} // namespace skein::test
