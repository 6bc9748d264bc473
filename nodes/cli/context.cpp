#include "nodes/cli/context.hpp"

#include "nodes/logging/log_line.hpp"
#include "protocol/cloudevents.hpp"

#include <ostream>

namespace skein::cli {

namespace {

/// Control characters out, but line breaks of our own texts stay.
std::string shown(std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out.append(out.empty() ? "" : "\n").append(out.empty() ? "" : indent);
    out += escape_controls(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// For programs: one line, absent parts left out.
void complain_as_json(context& at, int exit, const complaint& problem) {
  std::string line = "{\"error\":";
  append_json_string(line, problem.what);
  for (const auto& [name, value] : {std::pair{"why", &problem.why},
                                    {"try", &problem.todo},
                                    {"code", &problem.code},
                                    {"note", &problem.note},
                                    {"event", &problem.event}}) {
    if (value->empty())
      continue;
    line.append(",\"").append(name).append("\":");
    append_json_string(line, *value);
  }
  at.world.err << line << ",\"exit\":" << exit << "}\n";
  at.world.err.flush();
}

} // namespace

int complain(context& at, int exit, const complaint& problem) {
  if (at.global.output != output_format::table) {
    complain_as_json(at, exit, problem);
    return exit;
  }
  const bool color = at.world.err_is_terminal && !at.global.no_color;
  std::ostream& err = at.world.err;
  err << (color ? "\x1b[31merror:\x1b[0m " : "error: ") << shown(problem.what, "       ") << '\n';
  if (!problem.why.empty())
    err << "  why: " << shown(problem.why, "       ") << '\n';
  if (!problem.todo.empty())
    err << "  try: " << shown(problem.todo, "       ") << '\n';
  if (!problem.code.empty())
    err << "  code: " << escape_controls(problem.code) << '\n';
  if (!problem.note.empty())
    err << escape_controls(problem.note) << '\n';
  err.flush();
  return exit;
}

void say(context& at, std::string_view line) {
  at.world.err << escape_controls(line) << '\n';
  at.world.err.flush();
}

} // namespace skein::cli
