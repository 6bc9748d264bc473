// docs/http-api.md says what the tables in the code say.
#include "nodes/http/http_settings.hpp"
#include "nodes/http/problem.hpp"
#include "nodes/http/routes.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>

using namespace skein;

namespace {

std::string page() {
  std::ifstream file{SKEIN_HTTP_API_PAGE};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// From a route's heading to the next one.
std::string section(const std::string& text, const std::string& heading) {
  const std::size_t from = text.find("\n### `" + heading + "`\n");
  if (from == std::string::npos)
    return "";
  return text.substr(from, text.find("\n##", from + 4) - from);
}

/// code -> status, from the table of errors.
std::map<std::string, int> documented_errors(const std::string& text) {
  std::map<std::string, int> found;
  const std::regex row{R"(\n\| (\d{3}) \| `([a-z-]+)` \| [^|\n]+ \|)"};
  for (std::sregex_iterator at{text.begin(), text.end(), row}, end; at != end; ++at)
    found[(*at)[2]] = std::stoi((*at)[1]);
  return found;
}

} // namespace

TEST_CASE("the page has a section for each route, with all its parameters") {
  const std::string text = page();
  for (const route& each : all_routes()) {
    const std::string heading = std::string{each.method} + " " + std::string{each.pattern};
    INFO(heading);
    const std::string of_route = section(text, heading);
    CHECK_FALSE(of_route.empty());
    for (const auto& rules : {each.query, each.members})
      for (const argument_rule& rule : rules) {
        INFO(rule.name);
        CHECK(of_route.find("`" + std::string{rule.name} + "`") != std::string::npos);
      }
  }
}

TEST_CASE("the page has no section for a route that does not exist") {
  const std::string text = page();
  const std::regex heading{"\n### `(GET|POST) ([^`]+)`"};
  std::size_t sections = 0;
  for (std::sregex_iterator at{text.begin(), text.end(), heading}, end; at != end;
       ++at, ++sections) {
    bool known = false;
    for (const route& each : all_routes())
      known = known || (each.method == (*at)[1].str() && each.pattern == (*at)[2].str());
    INFO((*at)[0]);
    CHECK(known);
  }
  CHECK(sections == all_routes().size());
}

TEST_CASE("the page lists each error that HTTP can return, with its status, and no other") {
  std::map<std::string, int> known;
  for (const errc code : all_errc())
    if (const problem_rule* rule = find_problem_rule(code); rule != nullptr)
      known[std::string{slug(code)}] = rule->status;
  CHECK(known.size() > 30);
  CHECK(documented_errors(page()) == known);
}

TEST_CASE("the page says the limits that hold") {
  const std::string text = page();
  const auto says = [&](const std::string& what) { return text.find(what) != std::string::npos; };
  const http_settings settings;
  CHECK(limits::http_header_bytes_max == 16 << 10);
  CHECK(says("| head | 16 KiB, 100 fields, 5 s "));
  CHECK(limits::http_header_fields_max == 100);
  CHECK(settings.header_timeout == std::chrono::seconds{5});
  CHECK(settings.request_timeout == std::chrono::seconds{30});
  CHECK(settings.rate_grace == std::chrono::seconds{5});
  CHECK(settings.body_rate_min == 500);
  CHECK(says(
      "| request | 30 s from its first byte; after 5 s a body must come at 500 B/s on average |"));
  CHECK(settings.connections_max == 4'096);
  CHECK(settings.connections_per_ip_max == 2'048);
  CHECK(says("| connections | 4,096 in all, 2,048 of one address"));
  CHECK(settings.connections_reserved == 32);
  CHECK(says("The last 32 connections are reserved"));
  CHECK(settings.streams_max == 128);
  CHECK(says("There may be 128 streams."));
  CHECK(settings.body_memory_max == 64 << 20);
  CHECK(says("Bodies on their way in share 64 MiB."));
  CHECK(settings.heartbeat == std::chrono::seconds{15});
  CHECK(says("one in 15 s without messages"));
}
