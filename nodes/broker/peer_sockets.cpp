#include "nodes/broker/peer_sockets.hpp"

#include "nodes/broker/curve_socket.hpp"
#include "nodes/broker/routing_id.hpp"
#include "nodes/broker/zap.hpp"
#include "nodes/random_bits.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace skein {

namespace {

constexpr int messages_a_round = 256; // of one socket before the others are looked at again
constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
constexpr const char* monitor_endpoint = "inproc://skein-door";

std::string property_of(zmq::message_t& message, const char* name) {
  const char* value = zmq_msg_gets(message.handle(), name);
  return value == nullptr ? std::string{} : value;
}

template <class... Handlers>
struct overloaded : Handlers... {
  using Handlers::operator()...;
};

} // namespace

peer_sockets::peer_sockets(zmq::context_t& context, std::string node, mesh_settings settings)
  : context_{context}, node_{std::move(node)}, settings_{std::move(settings)},
    core_{{node_, settings_.boot, settings_.keys.has_value(), settings_.timing}},
    door_{context, zmq::socket_type::router}, monitor_{context, zmq::socket_type::pair} {
  monitor_.set(zmq::sockopt::linger, 0);
  // ZeroMQ's own thread waits when this is full, and holds a lock that closing the door needs.
  monitor_.set(zmq::sockopt::rcvhwm, 0);
  if (!settings_.keys)
    return;
  zap_ = zmq::socket_t{context, zmq::socket_type::rep};
  zap_.set(zmq::sockopt::linger, 0);
}

peer_sockets::~peer_sockets() { zmq_socket_monitor(door_.handle(), nullptr, 0); }

result<std::unique_ptr<peer_sockets>> peer_sockets::open(zmq::context_t& context, std::string node,
                                                         mesh_settings settings) {
  if (settings.boot == 0)
    settings.boot = random_bits();
  if (settings.endpoint.starts_with("tcp:") && !settings.keys)
    return error{errc::invalid_config, "A broker on tcp needs a key."};
  std::unique_ptr<peer_sockets> opened{
      new peer_sockets{context, std::move(node), std::move(settings)}};
  if (auto bound = opened->bind(); !bound)
    return bound.error();
  return opened;
}

/// The handler first: who connects is never let in by a node that has none yet.
result<void> peer_sockets::bind() {
#ifndef SKEIN_BUG_ZAP_HANDLER_MISSING
  if (settings_.keys && zmq_bind(zap_.handle(), zap_endpoint) != 0)
    return error{errc::internal, zmq_strerror(zmq_errno())};
#endif
  constexpr int events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                         ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(door_.handle(), monitor_endpoint, events) != 0 ||
      zmq_connect(monitor_.handle(), monitor_endpoint) != 0)
    return error{errc::internal, zmq_strerror(zmq_errno())};
  set_up_peer_socket(door_, settings_.endpoint);
  set_up_server(door_, settings_.keys);
  auto bound = bind_to(door_, settings_.endpoint);
  if (!bound)
    return bound.error();
  endpoint_ = *std::move(bound);
  return {};
}

void peer_sockets::begin(boot_time now) {
  set_allowed(std::exchange(settings_.allowed, {}), now);
  for (const auto& [name, endpoint] : settings_.peers)
    put_peer(name, endpoint, now);
  tick(now);
}

void peer_sockets::add_items(std::vector<zmq::pollitem_t>& items) {
  items.push_back({door_.handle(), 0, ZMQ_POLLIN, 0});
  items.push_back({monitor_.handle(), 0, ZMQ_POLLIN, 0});
  items.push_back({settings_.keys ? zap_.handle() : nullptr, settings_.keys ? 0 : -1,
                   static_cast<short>(settings_.keys ? ZMQ_POLLIN : 0), 0});
  polled_.clear();
  for (auto& [name, each] : connections_) {
    items.push_back({each.socket.handle(), 0, ZMQ_POLLIN, 0});
    polled_.push_back(name);
  }
}

void peer_sockets::handle(const zmq::pollitem_t* items, boot_time now,
                          const std::function<void(const slice&)>& take) {
  const auto is_ready = [&](std::size_t at) { return (items[at].revents & ZMQ_POLLIN) != 0; };
  if (is_ready(2))
    answer_zap();
  if (is_ready(1))
    take_event();
  for (std::size_t i = 0; i < polled_.size(); ++i)
    if (is_ready(3 + i))
      take_returned(polled_[i], now);
  if (is_ready(0))
    for (int i = 0; i < messages_a_round && take_from_door(now, take); ++i) {}
}

// ---- the door -----------------------------------------------------------------------------------

void peer_sockets::answer_zap() {
  std::vector<std::string> parts;
  zmq::message_t part;
  for (bool more = true; more; more = part.more()) {
    if (!receive(zap_, part, zmq::recv_flags::dontwait))
      return;
    parts.push_back(part.to_string());
  }
  const auto request = read_zap_request(parts);
  const zap_verdict verdict = request ? judge(*request, core_.allowed()) : zap_verdict{};
  const auto reply = write_zap_reply(
      request || parts.size() < 2 ? request.value_or(zap_request{}).id : parts[1], verdict);
  for (std::size_t i = 0; i < reply.size(); ++i)
    zmq_send(zap_.handle(), reply[i].data(), reply[i].size(),
             ZMQ_DONTWAIT | (i + 1 < reply.size() ? ZMQ_SNDMORE : 0));
  if (verdict.let_in)
    return;
  peer_core::effects out;
  core_.on_refused(verdict.key.empty() ? refusal::handshake : refusal::unknown_key,
                   (request ? "from " + request->address + ": " : "") + verdict.text, out);
  run(std::move(out), boot_now());
}

/// Two parts: number and value of the event, and the address.
void peer_sockets::take_event() {
  zmq::message_t what, where;
  for (int i = 0; i < messages_a_round && receive(monitor_, what, zmq::recv_flags::dontwait); ++i) {
    if (what.more())
      receive(monitor_, where, zmq::recv_flags::dontwait);
    std::uint16_t event = 0;
    if (what.size() < sizeof event)
      continue;
    std::memcpy(&event, what.data(), sizeof event);
    accepted_ += event == ZMQ_EVENT_ACCEPTED ? 1 : 0;
    ended_ += event == ZMQ_EVENT_DISCONNECTED ? 1 : 0;
    failed_ += event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? 1 : 0; // told by answer_zap
    if (event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL &&
        event != ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
      continue;
    ++failed_;
    peer_core::effects out;
    core_.on_refused(refusal::handshake,
                     event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
                         ? "it does not speak CURVE, or not with this node's key"
                         : "it left, or took too long",
                     out);
    run(std::move(out), boot_now());
  }
}

bool peer_sockets::take_from_door(boot_time now, const std::function<void(const slice&)>& take) {
  zmq::message_t id, body;
  if (!receive(door_, id, zmq::recv_flags::dontwait))
    return false;
  std::size_t parts = 0;
  for (bool more = id.more(); more; ++parts) {
    zmq::message_t extra;
    zmq::message_t& into = parts == 0 ? body : extra;
    if (!receive(door_, into, zmq::recv_flags::dontwait))
      break;
    more = into.more();
  }
  peer_identity from{{}, {}, id.to_string()};
  if (settings_.keys) {
    from.name = property_of(body, "User-Id");
    from.key = property_of(body, key_property);
  }
  slice bytes = to_slice(std::move(body));
  peer_core::effects out;
  const bool is_ours = core_.on_message(from, bytes, parts, now, out);
  run(std::move(out), now);
  if (is_ours)
    take(bytes);
  return true;
}

// ---- connections --------------------------------------------------------------------------------

void peer_sockets::take_returned(const std::string& peer, boot_time now) {
  for (int i = 0; i < messages_a_round; ++i) {
    const auto found = connections_.find(peer);
    zmq::message_t part;
    if (found == connections_.end() ||
        !receive(found->second.socket, part, zmq::recv_flags::dontwait))
      return;
    for (bool more = part.more(); more;) { // not ours: a frame has one part
      zmq::message_t extra;
      more = receive(found->second.socket, extra, zmq::recv_flags::dontwait) && extra.more();
    }
    peer_core::effects out;
    core_.on_returned(peer, to_slice(std::move(part)), now, out);
    run(std::move(out), now);
  }
}

void peer_sockets::run(peer_core::effects effects, boot_time now) {
  for (peer_effect& each : effects)
    std::visit(overloaded{
                   [&](const open_peer& to) { open_connection(to); },
                   [&](const close_peer& to) { connections_.erase(to.peer); },
                   [&](const send_to_peer& what) { send_now_to(what); },
                   [&](const answer_peer& what) {
                     zmq::message_t target{what.routing_id.data(), what.routing_id.size()};
                     zmq::message_t body = to_message(what.bytes);
                     send_parts(door_, target, body); // it greets again if this is lost
                   },
                   [&](const peer_news& news) {
                     if (settings_.news)
                       settings_.news(news);
                   },
                   [&](const refused_message& what) { log_refused(what, now); },
               },
               each);
}

/// Empty when there are no descriptors left.
std::optional<zmq::socket_t> peer_sockets::make_dealer() {
  try {
    return zmq::socket_t{context_, zmq::socket_type::dealer};
  } catch (const zmq::error_t&) { return std::nullopt; }
}

/// Without a connection the peer is down, and one is made when its time to be renewed has come.
void peer_sockets::open_connection(const open_peer& to) {
  connections_.erase(to.peer);
  auto made = make_dealer();
  if (!made) {
    if (const auto more = no_socket_pace_.next(boot_now()); more && settings_.log)
      settings_.log(log_level::error, "broker", "peer-socket-missing",
                    "no connection can be made, and it is tried again: " +
                        std::string{zmq_strerror(zmq_errno())} + *more,
                    {{"peer", to.peer}});
    return;
  }
  zmq::socket_t& dealer = *made;
  set_up_peer_socket(dealer, to.endpoint);
  set_up_client(dealer, make_routing_id(node_, settings_.boot, random_bits()),
                to.key.empty() ? std::nullopt : settings_.keys, to.key);
  if (zmq_connect(dealer.handle(), to.endpoint.c_str()) != 0 && settings_.log)
    settings_.log(log_level::error, "broker", "peer-address-wrong",
                  "no connection can be made to " + to.endpoint + ": " + zmq_strerror(zmq_errno()),
                  {{"peer", to.peer}});
  connections_.emplace(to.peer,
                       connection{std::move(dealer), std::make_shared<std::atomic<std::size_t>>()});
}

/// Never a wait, never a pretended success: a full pipe, or none at all, is "not sent".
void peer_sockets::send_now_to(const send_to_peer& what) {
  const auto found = connections_.find(what.peer);
  bool sent = false;
  if (found != connections_.end() &&
      found->second.under_way->load(std::memory_order_relaxed) + what.bytes.size() <=
          limits::peer_unsent_bytes_max) {
    zmq::message_t part = to_message(what.bytes, found->second.under_way);
    sent = send_now(found->second.socket, part);
  }
#ifdef SKEIN_BUG_FULL_PIPE_IS_SENT
  sent = true;
#endif
  if (what.counts)
    core_.on_sent(what.peer, what.bytes.size(), sent);
  else if (!sent)
    core_.on_greeting_not_sent(what.peer, boot_now());
}

bool peer_sockets::send(const std::string& peer, const slice& bytes, boot_time now) {
  peer_core::effects out;
  const bool is_known = core_.send(peer, bytes, out);
  run(std::move(out), now);
  return is_known;
}

// ---- what the broker is told --------------------------------------------------------------------

void peer_sockets::tick(boot_time now) {
  peer_core::effects out;
  core_.tick(now, out);
  run(std::move(out), now);
}

void peer_sockets::set_allowed(peer_list list, boot_time now) {
  peer_core::effects out;
  core_.set_allowed(std::move(list), now, out);
  run(std::move(out), now);
}

void peer_sockets::put_peer(const std::string& name, const std::string& endpoint, boot_time now) {
  peer_core::effects out;
  core_.put_peer(name, endpoint, now, out);
  run(std::move(out), now);
}

void peer_sockets::remove_peer(const std::string& name, boot_time now) {
  peer_core::effects out;
  core_.remove_peer(name, out);
  run(std::move(out), now);
}

/// A line a peer and reason, and then how many were left out.
void peer_sockets::log_refused(const refused_message& what, boot_time now) {
  if (!settings_.log)
    return;
  const auto [at, fresh] = told_.try_emplace({what.peer, what.why});
  told& last = at->second;
  if (!fresh && now - last.at < limits::peer_log_pace) {
    ++last.left_out;
    return;
  }
  last.at = now;
  settings_.log(log_level::warn, "broker", "peer-refused",
                std::string{what.peer.empty() ? "a connection" : "a message of the peer"} +
                    " was refused: " + what.detail,
                {{"peer", what.peer},
                 {"reason", std::string{to_string(what.why)}},
                 {"left_out", std::to_string(std::exchange(last.left_out, 0))}});
}

mesh_facts peer_sockets::facts(boot_time now) const {
  mesh_facts out;
  out.endpoint = endpoint_;
  out.key = settings_.keys ? settings_.keys->public_key : std::string{};
  out.boot = settings_.boot;
  out.peers = core_.facts(now);
  out.refused = core_.refused();
  out.accepted = accepted_;
  out.cut = ended_ > failed_ ? ended_ - failed_ : 0;
  return out;
}

} // namespace skein
