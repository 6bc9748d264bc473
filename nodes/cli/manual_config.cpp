// cluster.toml(5), from the declared keys.
#include "nodes/cli/command.hpp"
#include "nodes/cli/manual.hpp"
#include "nodes/cli/roff.hpp"
#include "nodes/config/config_values.hpp"

#include <fmt/format.h>

namespace skein::cli {

namespace {

using roff::bold;
using roff::italic;

std::string fallback_of(const config_key& key) {
  if (!key.fallback.empty())
    return fmt::format(" Default: {}.", key.fallback);
  return key.optional ? "" : " It must be given.";
}

void describe(roff_page& page, const config_key& key) {
  std::string text = fmt::format("{} It takes {}.{}", key.doc, legal_values(key), fallback_of(key));
  if (key.secret)
    text += " It is secret: never shown.";
  page.item(bold(key.name), text);
}

void describe(roff_page& page, const config_section& section) {
  page.subheading(section.written);
  page.paragraph(section.doc);
  for (const config_key& each : config_keys())
    if (each.section == section.name)
      describe(page, each);
}

} // namespace

manual_page manual_of_config() {
  roff_page page{"cluster.toml", '5', "the configuration of Skein"};
  page.heading("DESCRIPTION");
  page.paragraph(
      "A file in TOML that says what nodes there are, who handles events and which events go to "
      "whom. Durations are texts such as \"250ms\", \"10s\" and \"1h30m\", sizes are bytes or "
      "texts such as \"64KiB\". Paths that are relative start where the node is started. Unknown "
      "keys are mistakes. All nodes of a cluster have the same file; changes take effect when a "
      "node starts again.");
  page.line(bold("skein config check") + " " + italic("FILE") +
            roff::plain(" tells every mistake of a file, ") + bold("skein config show") + " " +
            italic("FILE") + roff::plain(" every value in force."));
  page.heading("SECTIONS");
  for (const config_section& each : config_sections())
    describe(page, each);
  page.heading("EXAMPLE");
  page.verbatim("[[node]]\nname = \"n1\"\ndata = \"/var/lib/skein\"\n\n[agent.upper]\n"
                "kind = \"exec\"\nmode = \"oneshot\"\ncommand = [\"tr\", \"a-z\", \"A-Z\"]\n\n"
                "[[route]]\ntype = \"*\"\nagent = \"upper\"\n");
  page.heading("SEE ALSO");
  page.line(bold("skein") + "(1), " + bold("skein-config") + "(1), " + bold("skein-start") + "(1)");
  return {"cluster.toml", '5', page.text()};
}

} // namespace skein::cli
