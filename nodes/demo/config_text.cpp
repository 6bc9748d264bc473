#include "nodes/demo/config_text.hpp"

#include "nodes/demo/worker.hpp"
#include "protocol/cloudevents.hpp"

#include <fmt/format.h>

namespace skein::demo {

namespace {

/// As a string of TOML, which takes the escapes of JSON.
std::string quoted(const std::string& text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string node_section(const std::string& name, const std::string& data,
                         const std::string& broker) {
  return fmt::format("[[node]]\nname = {}\nhttp = \"127.0.0.1:0\"\nloops = 1\ndata = {}\n"
                     "broker = {}\n\n",
                     quoted(name), quoted(data), quoted(broker));
}

} // namespace

std::string config_text(const node_setting& of) {
  std::string text = fmt::format("# Node {} of a demo. The addresses of the other nodes and of the "
                                 "store are those of relays of the\n# demo, which cuts and slows "
                                 "what goes through them.\n\n",
                                 of.name);
  text += fmt::format("[cluster]\nname = {}\nstore = {}\ndurability = \"single\"\n\n",
                      quoted(of.cluster), quoted(of.store));
  text += fmt::format("[limits]\ndrain_deadline = \"10s\"\n\n");
  text += node_section(of.name, of.data, "ipc://" + of.broker);
  for (const other_node& each : of.others)
    text += node_section(each.name, of.data + "-of-" + each.name, "ipc://" + each.broker);
  text += fmt::format("[agent.{}]\nkind = \"exec\"\ncommand = [{}, {}]\nconcurrency = 4\n"
                      "retry_initial = \"100ms\"\nenvironment = {{ {} = {} }}\n\n",
                      agent_name, quoted(of.program), quoted(of.worker), history_variable,
                      quoted(of.history));
  text += fmt::format("[[route]]\ntype = \"demo.*\"\nagent = \"{}\"\n\n", agent_name);
  text += fmt::format("[job.{}]\nevery = \"1s\"\nagent = \"{}\"\noverlap = \"allow\"\n", job_name,
                      agent_name);
  return text;
}

} // namespace skein::demo
