#include "nodes/broker/peer_core.hpp"

#include "nodes/broker/peer_roles.hpp"
#include "nodes/broker/routing_id.hpp"

#include <algorithm>
#include <utility>

namespace skein {

namespace {

constexpr std::string_view broker_part = "broker";
constexpr std::size_t part_name_bytes_max = limits::agent_name_bytes_max + 16; // "agent/NAME"
constexpr int greeting_tries = 20; // within hello_every, while there is no connection yet
constexpr std::uint64_t newer_tried_every = 8; // hellos to a peer that seems to be older

/// A frame of a version that has no word for its sender's process, as one that names it. The same
/// process may speak both, while a connection is new: what counts its frames must not take that for
/// two.
result<slice> of_process(const slice& bytes, [[maybe_unused]] std::uint64_t boot) {
  auto read = decode_frame(bytes);
  if (!read)
    return read.error();
#ifndef SKEIN_BUG_OLDER_FRAME_NAMES_NO_PROCESS
  read->header.boot = boot;
#endif
  return encode_frame(read->header, read->body);
}

} // namespace

std::string_view to_string(refusal why) {
  static constexpr std::array<std::string_view, refusals> names{
      "handshake",     "unknown-key",  "revoked",      "wrong-identity", "malformed",   "too-large",
      "wrong-version", "wrong-sender", "wrong-target", "wrong-kind",     "not-greeted", "stale"};
  return names[static_cast<std::size_t>(why)];
}

peer_core::peer_core(settings given) : settings_{std::move(given)} {}

// ---- who ----------------------------------------------------------------------------------------

void peer_core::set_allowed(peer_list list, boot_time now, effects& out) {
  list.erase(settings_.node); // nobody else speaks for this node
  const peer_list before = std::exchange(allowed_, std::move(list));
  for (const auto& [name, entry] : allowed_)
    peers_[name];
  for (auto at = peers_.begin(); at != peers_.end();) {
    const auto was = before.find(at->first);
    const auto is = allowed_.find(at->first);
    const bool same = is != allowed_.end() && was != before.end() &&
                      is->second.key == was->second.key && is->second.role == was->second.role;
    if (!same && settings_.keys)
      at->second.greeted_by.clear();
    relink(at->first, at->second, now, out);
    at = is == allowed_.end() && at->second.endpoint.empty() ? peers_.erase(at) : std::next(at);
  }
}

void peer_core::put_peer(const std::string& name, const std::string& endpoint, boot_time now,
                         effects& out) {
  if (name == settings_.node)
    return;
  peer& at = peers_[name];
  if (at.endpoint != endpoint)
    unlink(name, at, out);
  at.endpoint = endpoint;
  relink(name, at, now, out);
}

void peer_core::remove_peer(const std::string& name, effects& out) {
  const auto found = peers_.find(name);
  if (found == peers_.end())
    return;
  unlink(name, found->second, out);
  found->second.endpoint.clear();
  if (!allowed_.contains(name))
    peers_.erase(found);
}

/// Its connection as it must be now: none without an address or, with keys, without its key.
void peer_core::relink(const std::string& name, peer& at, boot_time now, effects& out) {
  const auto entry = allowed_.find(name);
  const bool wanted = !at.endpoint.empty() && (!settings_.keys || entry != allowed_.end());
  const std::string key = wanted && settings_.keys ? entry->second.key : std::string{};
  if (at.linked && (!wanted || at.linked_with != key))
    unlink(name, at, out);
  if (!wanted || at.linked)
    return;
  at.linked = true;
  at.linked_with = key;
  at.opened = at.next_hello = now;
  out.push_back(open_peer{name, at.endpoint, key});
}

void peer_core::unlink(const std::string& name, peer& at, effects& out) {
  if (!at.linked)
    return;
  set_down(name, at, at.opened, out);
  at.linked = false;
  out.push_back(close_peer{name});
}

void peer_core::set_down(const std::string& name, peer& at, boot_time now, effects& out) {
  at.opened = now;
  at.version = 0;
  if (std::exchange(at.up, false))
    out.push_back(peer_news{name, false, at.boot});
}

// ---- what comes ---------------------------------------------------------------------------------

void peer_core::refuse(const std::string& by, refusal why, std::string detail, effects& out) {
  ++refused_[static_cast<std::size_t>(why)];
  if (const auto at = peers_.find(by); at != peers_.end())
    ++at->second.counted.refused;
  out.push_back(refused_message{by, why, std::move(detail)});
}

void peer_core::on_refused(refusal why, const std::string& detail, effects& out) {
  refuse({}, why, detail, out);
}

/// Who it is that sent the message. Looked at for each one: a list can change while a connection
/// stays.
std::optional<peer_core::sender> peer_core::identify(const peer_identity& from, effects& out) {
  const auto id = parse_routing_id(from.routing_id);
  sender by{nullptr, from.name, id ? id->boot : 0};
#ifdef SKEIN_BUG_USER_ID_NOT_CHECKED
  by.name = id ? std::string{id->node} : from.name;
#else
  if (settings_.keys) {
    const auto entry = allowed_.find(from.name);
    if (entry == allowed_.end() || entry->second.key != from.key) {
      refuse(from.name, refusal::revoked, "its key is not in the list any more", out);
      return std::nullopt;
    }
  } else if (id) {
    by.name = id->node;
  }
#endif
  const auto found = peers_.find(by.name);
  if (!id || id->node != by.name || found == peers_.end()) {
    refuse(found == peers_.end() ? std::string{} : by.name, refusal::wrong_identity,
           "its connection says that it is another", out);
    return std::nullopt;
  }
  by.at = &found->second;
  return by;
}

bool peer_core::on_message(const peer_identity& from, slice& bytes, std::size_t parts,
                           boot_time now, effects& out) {
  const auto by = identify(from, out);
  if (!by)
    return false;
  const auto no = [&](refusal why, std::string detail) {
    refuse(by->name, why, std::move(detail), out);
    return false;
  };
  if (bytes.size() > limits::frame_bytes_max)
    return no(refusal::too_large, std::to_string(bytes.size()) + " bytes");
  const auto peek = peek_frame(bytes.view());
  if (!peek && peek.error().code == errc::unsupported_version)
    return no(refusal::wrong_version, peek.error().detail);
  if (!peek || parts != 1)
    return no(refusal::malformed, "it is no frame");
  const frame_header& header = peek->header;
  if (header.from.name.size() > part_name_bytes_max)
    return no(refusal::malformed, "its sender's name is too long");
  if (header.from.node != by->name)
    return no(refusal::wrong_sender, "it names another node as its sender");
  if (header.to.node != settings_.node)
    return no(refusal::wrong_target, "it is for another node");
  const auto entry = allowed_.find(by->name);
  const peer_role role = entry == allowed_.end() ? peer_role::node : entry->second.role;
  if (!may_send(role, peek->kind, header.to.name))
    return no(refusal::wrong_kind, "kind " + std::to_string(peek->kind));
  if (header.to.name == broker_part)
    return take_hello(*by, from, bytes, now, out);
  if (by->at->greeted_by != from.routing_id)
    return no(refusal::not_greeted, "another connection greeted last, or none did");
  if (header.boot != 0 && header.boot != by->boot)
    return no(refusal::wrong_identity, "it is of another process than its connection");
  if (header.to_boot != 0 && header.to_boot != settings_.boot)
    return no(refusal::stale, "it answers a process of this node that has ended");
  ++by->at->counted.frames_in;
  by->at->counted.bytes_in += bytes.size();
  if (header.boot == 0) {
    auto named = of_process(bytes, by->boot);
    if (!named)
      return no(refusal::malformed, named.error().detail);
    bytes = *std::move(named);
  }
  return true;
}

/// Never handed on.
bool peer_core::take_hello(const sender& from, const peer_identity& as, const slice& bytes,
                           boot_time now, effects& out) {
  const auto read = decode_frame(bytes);
  const auto* told = read ? std::get_if<hello>(&read->body) : nullptr;
  if (told == nullptr || told->lowest > told->highest) {
    refuse(from.name, refusal::malformed, "it is no hello", out);
    return false;
  }
  if (told->boot != from.boot || read->header.from.name != broker_part) {
    refuse(from.name, refusal::wrong_identity, "its hello is not of its connection", out);
    return false;
  }
  from.at->greeted_by = as.routing_id;
  from.at->greeted = now;
  const std::uint8_t version = peek_frame(bytes.view())->version;
  const frame_header back{read->header.to, read->header.from, read->header.number};
  out.push_back(
      answer_peer{from.name, as.routing_id, encode_frame(back, welcome{settings_.boot}, version)});
  return false;
}

void peer_core::on_returned(const std::string& name, const slice& bytes, boot_time now,
                            effects& out) {
  const auto found = peers_.find(name);
  if (found == peers_.end() || !found->second.linked)
    return;
  const auto read = decode_frame(bytes);
  if (!read)
    return refuse(name,
                  read.error().code == errc::unsupported_version ? refusal::wrong_version
                                                                 : refusal::malformed,
                  "its answer is no frame", out);
  const auto* told = std::get_if<welcome>(&read->body);
  if (told == nullptr)
    return refuse(name, refusal::wrong_kind, "only welcomes come back", out);
  const frame_header& header = read->header;
  if (header.from != address{name, std::string{broker_part}})
    return refuse(name, refusal::wrong_sender, "its welcome names another sender", out);
  if (header.to != address{settings_.node, std::string{broker_part}})
    return refuse(name, refusal::wrong_target, "its welcome is for another node", out);
  take_welcome(name, found->second, header, *told, now, out);
}

void peer_core::take_welcome(const std::string& name, peer& at, const frame_header& header,
                             const welcome& told, boot_time now, effects& out) {
  const bool is_recent = header.number != 0 && header.number <= at.hellos &&
                         at.hellos - header.number < at.sent_at.size();
  if (!is_recent)
    return; // late, or sent again: it says nothing of now
  at.lowest = told.lowest;
  if (told.boot != at.boot || told.highest > at.highest)
    at.highest = told.highest;
  // What an older hello brought says nothing of a process that is known to speak more: in the older
  // version frames do not name their process, and its parts would be taken for others.
  const std::uint8_t highest = std::min(protocol_version, at.highest);
  if (highest < std::max(protocol_version_min, told.lowest))
    return refuse(
        name, refusal::wrong_version,
        "it speaks " + std::to_string(told.lowest) + " to " + std::to_string(told.highest), out);
  if (at.up && told.boot != at.boot)
    set_down(name, at, now, out);
  at.welcomed = now;
  at.rtt = now - at.sent_at[header.number % at.sent_at.size()];
  at.version = highest;
  at.boot = told.boot;
  if (at.up)
    return;
  at.up = true;
  at.up_since = now;
  out.push_back(peer_news{name, true, at.boot});
}

// ---- what goes ----------------------------------------------------------------------------------

bool peer_core::knows(const std::string& name) const {
  const auto found = peers_.find(name);
  return found != peers_.end() && !found->second.endpoint.empty();
}

bool peer_core::send(const std::string& name, const slice& bytes, effects& out) {
  if (!knows(name))
    return false;
  peer& at = peers_.find(name)->second;
  if (!at.up) {
    ++at.counted.not_sent;
    return true;
  }
  if (at.version == protocol_version) {
    out.push_back(send_to_peer{name, bytes});
    return true;
  }
  if (auto older = in_version(bytes, at.version))
    out.push_back(send_to_peer{name, *std::move(older)});
  else
    ++at.counted.not_sent;
  return true;
}

void peer_core::on_sent(const std::string& name, std::size_t bytes, bool sent) {
  const auto found = peers_.find(name);
  if (found == peers_.end())
    return;
  peer_counts& counted = found->second.counted;
  counted.not_sent += sent ? 0 : 1;
  counted.frames_out += sent ? 1 : 0;
  counted.bytes_out += sent ? bytes : 0;
}

void peer_core::on_greeting_not_sent(const std::string& name, boot_time now) {
  const auto found = peers_.find(name);
  if (found == peers_.end() || found->second.up)
    return;
  --found->second.hellos;
  found->second.next_hello = now + settings_.timing.hello_every / greeting_tries;
}

/// In turns in both versions until one of them is answered: a peer reads those that it speaks only.
void peer_core::greet(const std::string& name, peer& at, boot_time now, effects& out) {
  const std::uint64_t number = ++at.hellos;
  const bool newest =
      at.version == protocol_version || (at.up ? number % newer_tried_every == 0 : number % 2 == 1);
  at.sent_at[number % at.sent_at.size()] = now;
  at.next_hello = now + settings_.timing.hello_every;
  const frame_header header{
      {settings_.node, std::string{broker_part}}, {name, std::string{broker_part}}, number};
  out.push_back(send_to_peer{
      name,
      encode_frame(header, hello{settings_.boot}, newest ? protocol_version : protocol_version_min),
      false});
}

void peer_core::tick(boot_time now, effects& out) {
  for (auto& [name, at] : peers_) {
    if (!at.linked)
      continue;
    if (at.up && now - at.welcomed >= settings_.timing.down_after)
      set_down(name, at, now, out);
    if (!at.up && now - at.opened >= settings_.timing.renew_after) {
      at.linked = false;
      out.push_back(close_peer{name});
      relink(name, at, now, out);
    }
    if (now >= at.next_hello)
      greet(name, at, now, out);
  }
}

std::optional<boot_time> peer_core::next_tick() const {
  std::optional<boot_time> next;
  for (const auto& [name, at] : peers_) {
    if (!at.linked)
      continue;
    const boot_time change = at.up ? at.welcomed + settings_.timing.down_after
                                   : at.opened + settings_.timing.renew_after;
    const boot_time first = std::min(at.next_hello, change);
    next = next ? std::min(*next, first) : first;
  }
  return next;
}

std::vector<peer_facts> peer_core::facts(boot_time now) const {
  std::vector<peer_facts> out;
  for (const auto& [name, at] : peers_) {
    peer_facts facts;
    facts.name = name;
    facts.endpoint = at.endpoint;
    if (const auto entry = allowed_.find(name); entry != allowed_.end())
      facts.allowed = entry->second;
    facts.up = at.up;
    facts.up_for = at.up ? now - at.up_since : duration{0};
    facts.heard = !at.greeted_by.empty() && now - at.greeted < settings_.timing.down_after;
    const auto greeted = parse_routing_id(at.greeted_by);
    facts.boot = at.up || !facts.heard || !greeted ? at.boot : greeted->boot;
    facts.version = at.version;
    facts.lowest = at.lowest;
    facts.highest = at.highest;
    facts.rtt = at.up ? at.rtt : duration{0};
    facts.counted = at.counted;
    out.push_back(std::move(facts));
  }
  return out;
}

} // namespace skein
