#include "mesh_world.hpp"

#include <condition_variable>
#include <utility>

namespace skein::test {

using namespace std::chrono_literals;

bool eventually(const std::function<bool()>& holds, duration at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  std::mutex mutex;
  std::condition_variable nobody;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until)
      return false;
    std::unique_lock lock{mutex};
    nobody.wait_for(lock, 2ms);
  }
  return true;
}

// ---- what comes ---------------------------------------------------------------------------------

frame_sink post_box::sink() {
  return [this](slice bytes) {
    auto got = decode_frame(slice{std::string{bytes.view()}});
    const std::lock_guard lock{mutex_};
    if (got)
      frames_.push_back(*std::move(got));
  };
}

std::vector<frame> post_box::frames() const {
  const std::lock_guard lock{mutex_};
  return frames_;
}

std::size_t post_box::count() const {
  const std::lock_guard lock{mutex_};
  return frames_.size();
}

std::vector<std::uint64_t> post_box::queries(const std::string& node) const {
  const std::lock_guard lock{mutex_};
  std::vector<std::uint64_t> out;
  for (const frame& each : frames_)
    if (const auto* body = std::get_if<query>(&each.body);
        body != nullptr && each.header.from.node == node)
      out.push_back(body->request);
  return out;
}

slice query_frame(const address& from, const address& to, std::uint64_t number, std::size_t bytes) {
  return encode_frame({from, to, number}, query{number, std::string(bytes, 'x')});
}

// ---- nodes --------------------------------------------------------------------------------------

mesh_node::mesh_node(std::string own, const key_pair& keys, const peer_list& allowed,
                     std::map<std::string, std::string> peers, std::uint64_t boot)
  : name{std::move(own)} {
  mesh_settings settings;
  settings.endpoint = "tcp://127.0.0.1:0";
  settings.keys = keys;
  settings.boot = boot;
  settings.allowed = allowed;
  settings.peers = std::move(peers);
  settings.timing = {200ms, 2s, 3s};
  settings.news = [this](const peer_news& each) {
    const std::lock_guard lock{mutex};
    news.push_back(each);
  };
  auto opened = broker::open(name, std::move(settings));
  REQUIRE(opened);
  bus = *std::move(opened);
  loop = bus->connect("loop/0", box.sink());
}

peer_facts mesh_node::of(const std::string& peer) const {
  for (peer_facts& each : bus->mesh().peers)
    if (each.name == peer)
      return each;
  return {};
}

std::uint64_t mesh_node::refused(refusal why) const {
  return bus->mesh().refused[static_cast<std::size_t>(why)];
}

void mesh_node::send(const std::string& node, std::uint64_t number, std::size_t bytes) {
  const slice frame = query_frame(at(), {node, "loop/0"}, number, bytes);
  REQUIRE(eventually([&] { return loop->send(frame); }));
}

key_ring::key_ring(const std::vector<std::string>& names) {
  for (const std::string& each : names) {
    keys.emplace(each, make_key_pair());
    REQUIRE(allow_peer(allowed, {each, peer_role::node, keys.at(each).public_key, no_instant}));
  }
}

// ---- strangers ----------------------------------------------------------------------------------

stranger::stranger(const std::string& endpoint, const std::string& routing_id, const key_pair* keys,
                   const std::string& server_key)
  : dealer_{context_, zmq::socket_type::dealer} {
  dealer_.set(zmq::sockopt::routing_id, routing_id);
  dealer_.set(zmq::sockopt::linger, 0);
  if (keys != nullptr) {
    dealer_.set(zmq::sockopt::curve_serverkey, server_key);
    dealer_.set(zmq::sockopt::curve_publickey, keys->public_key);
    dealer_.set(zmq::sockopt::curve_secretkey, keys->secret.reveal());
  }
  dealer_.connect(endpoint);
}

void stranger::send(const slice& bytes) {
  zmq::message_t part{bytes.data(), bytes.size()};
  REQUIRE(dealer_.send(part, zmq::send_flags::dontwait));
}

void stranger::greet(const std::string& node, const std::string& to, std::uint64_t boot) {
  send(encode_frame({{node, "broker"}, {to, "broker"}, 1}, hello{boot}));
}

std::optional<frame> stranger::receive(duration at_most) {
  zmq::pollitem_t item{dealer_.handle(), 0, ZMQ_POLLIN, 0};
  zmq::poll(&item, 1, std::chrono::duration_cast<std::chrono::milliseconds>(at_most));
  zmq::message_t part;
  if (!dealer_.recv(part, zmq::recv_flags::dontwait))
    return std::nullopt;
  auto read = decode_frame(slice{part.to_string()});
  return read ? std::optional{*std::move(read)} : std::nullopt;
}

} // namespace skein::test
