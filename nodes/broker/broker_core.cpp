#include "nodes/broker/broker_core.hpp"

#include <algorithm>
#include <array>

namespace skein {

std::string_view link_name(std::string_view part) noexcept {
  if (part.starts_with("agent/"))
    return "agents";
  constexpr std::array at_gateway{std::string_view{"membership"}, std::string_view{"keeper"},
                                  std::string_view{"config"}};
  const bool is_there = std::find(at_gateway.begin(), at_gateway.end(), part) != at_gateway.end();
  return is_there || part.starts_with("shard/") ? "gateway" : part;
}

std::vector<delivery_to> broker_core::on_frame(const std::string& link, const slice& bytes) {
  auto peek = peek_frame(bytes.view());
  if (!peek) {
    ++counted_.malformed;
    return {};
  }
  if (peek->header.to == self_)
    return on_own(link, bytes);
  const auto known = names_.find(link);
  if (known == names_.end() || peek->header.from.node != self_.node ||
      link_name(peek->header.from.name) != known->second) {
    ++counted_.impostors;
    return {};
  }
  if (const std::string& other = peek->header.to.node;
      other != self_.node && peers_ != nullptr && peers_->knows(other))
    return {{{}, bytes, other}};
  return to_link(peek->header.to, bytes);
}

std::vector<delivery_to> broker_core::on_peer_frame(const slice& bytes) {
  const auto peek = peek_frame(bytes.view());
  if (!peek) {
    ++counted_.malformed;
    return {};
  }
  return to_link(peek->header.to, bytes);
}

std::vector<delivery_to> broker_core::to_link(const address& to, const slice& bytes) {
  const std::string* target = link_of(to);
  if (target == nullptr) {
    ++counted_.unroutable;
    return {};
  }
  ++counted_.forwarded;
  return {{*target, bytes}};
}

std::vector<delivery_to> broker_core::on_own(const std::string& link, const slice& bytes) {
  auto decoded = decode_frame(bytes);
  if (!decoded) {
    ++counted_.malformed;
    return {};
  }
  const frame_header& header = decoded->header;
  if (header.from.node != self_.node) {
    ++counted_.impostors;
    return {};
  }
  if (const auto* greeting = std::get_if<hello>(&decoded->body)) {
    const std::string name{link_name(header.from.name)};
    if (const auto before = links_.find(name); before != links_.end())
      names_.erase(before->second);
    if (const auto other = names_.find(link); other != names_.end())
      links_.erase(other->second); // it spoke for another part until now
    links_[name] = link;
    names_[link] = name;
    return {{link, encode_frame({self_, header.from, 0}, welcome{greeting->boot})}};
  }
  const auto known = names_.find(link);
  if (known == names_.end() || link_name(header.from.name) != known->second) {
    ++counted_.impostors;
    return {};
  }
  if (const auto* told = std::get_if<credit>(&decoded->body))
    return grants_to_frames(credits_.on_credit(*told));
  if (const auto* told = std::get_if<demand>(&decoded->body)) {
    auto out = grants_to_frames(credits_.on_demand(header.from, *told));
    if (header.number != 0) // it gives slots back, and is sent again until we say that we know
      out.push_back({link, encode_frame({self_, header.from, 0}, ack{header.number})});
    return out;
  }
  ++counted_.malformed;
  return {};
}

std::vector<delivery_to> broker_core::grants_to_frames(const credit_book::grants& given) {
  std::vector<delivery_to> out;
  for (const auto& [loop, each] : given)
    if (const std::string* target = link_of(loop))
      out.push_back({*target, encode_frame({self_, loop, 0}, each)});
  return out;
}

const std::string* broker_core::link_of(const address& to) const {
  if (to.node != self_.node)
    return nullptr;
  const auto found = links_.find(std::string{link_name(to.name)});
  return found == links_.end() ? nullptr : &found->second;
}

} // namespace skein
