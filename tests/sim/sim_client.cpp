#include "tests/sim/sim_client.hpp"

#include <algorithm>
#include <array>

namespace skein::test {

void sim_client::plan() {
  const sim_options& how = node_.options();
  for (std::uint32_t i = 0; i < how.requests; ++i)
    node_.world().timeline.after(dice_.between(duration{0}, how.work_time), [this] {
      if (!node_.up())
        return;
      publish();
      if (dice_.chance(node_.options().cancel) && !known_.empty())
        node_.world().timeline.after(
            dice_.skewed(std::chrono::microseconds{100}, std::chrono::seconds{5}), [this] {
              if (node_.up())
                cancel();
            });
    });
}

std::string sim_client::type_by_dice() {
  if (dice_.chance(node_.options().poison))
    return "poison.pill";
  static constexpr std::array<const char*, 10> types{
      "work.item", "work.item", "work.item", "work.both", "leaf.item",
      "leaf.both", "echo.item", "pure.item", "pure.item", "nobody.wants"};
  return types[dice_.below(types.size())];
}

event sim_client::make_event() {
  const sim_options& how = node_.options();
  if (!offered_.empty() && dice_.chance(how.repeat)) {
    event again = offered_[dice_.below(offered_.size())];
    if (dice_.chance(how.conflict))
      again.data += "!";
    return again;
  }
  event made;
  made.id = dice_.chance(0.03) ? "taken" : "e" + std::to_string(++ids_);
  made.source = made.id == "taken" ? "clash" : "client";
  made.type = type_by_dice();
  made.set_extension(std::string{attribute::partitionkey},
                     "k" + std::to_string(dice_.below(how.keys)));
  made.kind = data_kind::text;
  made.data = "say " + std::to_string(dice_.below(1000));
  const auto in_ms = [](std::uint64_t wait) { return "+" + std::to_string(wait) + "ms"; };
  std::uint64_t due = 0;
  if (dice_.chance(how.due)) {
    due = 100 + dice_.below(8'000);
    made.set_extension(std::string{attribute::due}, in_ms(due));
  }
  if (dice_.chance(how.expires)) {
    const std::uint64_t expires = 500 + dice_.below(12'000);
    made.set_extension(std::string{attribute::expires},
                       in_ms(expires > due ? expires : due + expires)); // else it is refused
  }
  if (dice_.chance(0.2))
    made.set_extension(std::string{attribute::priority},
                       dice_.chance(0.5) ? "people" : "background");
  offered_.push_back(made);
  return made;
}

void sim_client::publish() {
  engine& api = node_.api();
  offered asked{++requests_, {}};
  std::vector<offered_event> members;
  for (std::uint64_t count = 1 + dice_.below(4); count > 0; --count) {
    auto checked = offer(make_event(), api.hash(), api.event_bounds(), api.now());
    SKEIN_CHECK(checked.ok());
    asked.members.push_back({checked->identity, checked->content});
    members.push_back(std::move(checked).value());
  }
  node_.note(asked);
  ++open_;
  api.publish(std::move(members),
              [this, request = asked.request, life = node_.life()](publish_reply reply) {
                if (!node_.up() || life != node_.life())
                  return;
                --open_;
                for (const publish_result& each : reply.members)
                  if (each.code == errc::none)
                    known_.push_back(each.event);
                node_.note(answered{request, std::move(reply.members)});
              });
}

void sim_client::cancel() {
  // Mostly what came last: that is what may still run.
  const std::size_t back = dice_.chance(0.7) ? dice_.below(std::min<std::size_t>(known_.size(), 5))
                                             : dice_.below(known_.size());
  const event_id event = known_[known_.size() - 1 - back];
  const std::uint64_t request = ++requests_;
  node_.note(cancel_asked{request, event});
  node_.api().ask("event.cancel", "{\"event\":\"" + skein::to_string(event) + "\"}",
                  [this, request, life = node_.life()](api_answer said) {
                    if (node_.up() && life == node_.life())
                      node_.note(cancel_answered{request, said.code});
                  });
}

} // namespace skein::test
