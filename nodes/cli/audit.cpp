// skein audit list
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"

#include <array>
#include <memory>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"AT", "at", weight::whole},
                             column{"WHO", "who", weight::whole},
                             column{"FROM", "from"},
                             column{"WHAT", "what", weight::whole},
                             column{"TARGET", "target", weight::whole},
                             column{"RESULT", "result"},
                             column{"NODE", "node", weight::extra},
                             column{"ARGUMENTS", "arguments", weight::note}};

struct list_options {
  std::optional<std::string> since, until, by;
  page_options page;
};

int list_audit(context& at, const list_options& options) {
  const auto answer = look_up(at, with_query("/v1/audit", {{"since", options.since},
                                                           {"until", options.until},
                                                           {"by", options.by},
                                                           {"limit", options.page.limit_text()},
                                                           {"after", options.page.after}}));
  if (!answer)
    return answer.exit;
  print_list(at, answer.body, "audit", columns, "nobody has changed anything");
  return exit_code::done;
}

} // namespace

handler define_audit_list(CLI::App& app) {
  auto options = std::make_shared<list_options>();
  add_time(app, "--since", options->since, "made then or later");
  add_time(app, "--until", options->until, "made before then");
  add_text(app, "--by", options->by, "WHO", "by this token, or by loopback");
  add_page(app, options->page);
  return [options](context& at) { return list_audit(at, *options); };
}

} // namespace skein::cli
