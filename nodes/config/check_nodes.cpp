#include "journal/journal.hpp"
#include "nodes/config/broker_address.hpp"
#include "nodes/config/config_rules.hpp"
#include "nodes/config/http_address.hpp"

#include <map>

namespace skein {

namespace {

constexpr std::string_view legal_http =
    "legal is an address: \"127.0.0.1:PORT\", \"[::1]:PORT\", \"localhost:PORT\" or, with [tls], "
    "another one of this machine";

void check_http(rule_context& context, const tls_files& tls, node_config& node) {
  const auto& text = context.section().get<std::string>("http");
  const auto address = parse_http_address(text);
  if (!address)
    return context.error("http", fmt::format("read \"{}\"", text), std::string{legal_http});
  if (!is_loopback(address->host) && !tls.given())
    return context.error(
        "http",
        fmt::format("read \"{}\", which other machines can reach; that needs TLS and a token",
                    text),
        "give certificate and key in [tls], and make a token before the start: skein token create "
        "--role admin --config FILE; or legal is \"127.0.0.1:PORT\"");
  node.http_host = address->host;
  node.http_port = address->port;
}

void check_broker(rule_context& context, node_config& node) {
  const auto& text = context.section().get<std::string>("broker");
  if (text.empty())
    return;
  if (const auto address = parse_broker_address(text))
    node.broker = address->endpoint;
  else
    context.error("broker", fmt::format("read \"{}\"", text), std::string{legal_broker_text()});
}

node_config check_node(rule_context context, const tls_files& tls) {
  const configured_section& section = context.section();
  node_config node;
  if (context.usable("name")) {
    node.name = section.get<std::string>("name");
    if (!is_legal_name(node.name))
      context.error("name", fmt::format("read \"{}\"", node.name), std::string{legal_name_text()});
  }
  if (context.usable("http"))
    check_http(context, tls, node);
  if (context.usable("broker"))
    check_broker(context, node);
  node.loops = static_cast<std::uint32_t>(section.get<std::int64_t>("loops"));
  node.weight = static_cast<std::uint32_t>(section.get<std::int64_t>("weight"));
  node.data = section.get<std::string>("data");
  if (context.usable("data") && node.data.empty())
    context.error("data", R"(read "")",
                  "legal is the path of a folder; for a node that keeps nothing say store = "
                  "\"memory:\" in [cluster]");
  return node;
}

/// What two nodes may not share, by what the first one said and where.
class taken_values {
 public:
  void claim(rule_context& context, std::string_view key, const std::string& value,
             std::string_view legal) {
    const config_place at = context.section()[key].at;
    const auto [first, fresh] = taken_.emplace(std::pair{std::string{key}, value}, at);
    if (!fresh)
      context.error(
          key, fmt::format("\"{}\" is taken by the node at line {}", value, first->second.line),
          std::string{legal});
  }

 private:
  std::map<std::pair<std::string, std::string>, config_place> taken_;
};

} // namespace

void check_nodes(const config_values& values, const config_surroundings& around,
                 cluster_config& out, config_problems& problems) {
  taken_values taken;
  for (const configured_section& section : values) {
    if (section.section->name != "node")
      continue;
    rule_context context{section, around, problems};
    const node_config& node = out.nodes.emplace_back(check_node(context, out.tls));
    if (context.usable("name"))
      taken.claim(context, "name", node.name, "legal is a name of its own");
    if (context.usable("http") && node.http_port != 0)
      taken.claim(context, "http", to_string(http_address{node.http_host, node.http_port}),
                  "legal is an address of its own, or port 0");
    if (context.usable("broker") && can_be_connected_to(node.broker))
      taken.claim(context, "broker", node.broker, "legal is an address of its own, or port 0");
    if (context.usable("data") && out.store.empty() && !node.data.empty())
      taken.claim(context, "data", node.data, "legal is a folder of its own");
    if (out.nodes.size() == 2 && !journal::is_postgres_url(out.store))
      context.warning("name", "nodes work together on a PostgreSQL store alone in this version",
                      "each has its own store and runs what is sent to it");
  }
}

} // namespace skein
