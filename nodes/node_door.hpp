// What a node offers at its HTTP door: the engine's calls, and what other parts of the node answer.
#pragma once

#include "actors/engine.hpp"

#include <mutex>
#include <shared_mutex>

namespace skein {

class config_office;
class peer_office;

class node_door : public node_api {
 public:
  /// The engine outlives it. A node without a folder keeps no list of peers.
  node_door(class engine& engine, bool keeps_peers) : engine_{engine}, keeps_peers_{keeps_peers} {}
  /// From now on until it is called with nullptr; then questions for it are refused.
  void attach(peer_office* peers) {
    const std::unique_lock lock{offices_};
    peers_ = peers;
  }
  void attach(config_office* config) {
    const std::unique_lock lock{offices_};
    config_ = config;
  }

  const hash_settings& hash() const override { return engine_.hash(); }
  const event_limits& event_bounds() const override { return engine_.event_bounds(); }
  instant now() const override { return engine_.now(); }
  void publish(std::vector<offered_event> events,
               std::function<void(publish_reply)> done) override {
    engine_.publish(std::move(events), std::move(done));
  }
  void await_event(event_id event, duration timeout, std::function<void(bool)> done) override {
    engine_.await_event(event, timeout, std::move(done));
  }
  void ask(std::string operation, std::string arguments_json,
           std::function<void(api_answer)> done) override;
  void act(caller by, std::string operation, std::string arguments_json,
           std::function<void(api_answer)> done) override;
  const token_book& tokens() const override { return engine_.tokens(); }
  std::uint64_t subscribe(stream_filter filter, stream_sink deliver) override {
    return engine_.subscribe(std::move(filter), std::move(deliver));
  }
  void resume(std::uint64_t subscription) override { engine_.resume(subscription); }
  void unsubscribe(std::uint64_t subscription) override { engine_.unsubscribe(subscription); }
  errc readiness() const override { return engine_.readiness(); }
  void metrics(std::function<void(std::string)> done) override { engine_.metrics(std::move(done)); }

 private:
  void reload_all(const caller& by, const std::string& arguments_json,
                  std::function<void(api_answer)> done);
  void hand_on(const caller& by, std::string operation, std::string arguments_json,
               std::function<void(api_answer)> done);

  class engine& engine_;
  bool keeps_peers_;
  std::shared_mutex offices_; // held while one of them is asked: it goes only then
  peer_office* peers_ = nullptr;
  config_office* config_ = nullptr;
};

} // namespace skein
