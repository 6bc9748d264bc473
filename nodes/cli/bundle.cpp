// skein bundle: one file for whoever is asked for help. It has what a node, a configuration, a
// folder and a log tell of how things are, and nothing of what they are about.
#include "nodes/cli/bundle.hpp"

#include "nodes/cli/bundle_scrub.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/machine_facts.hpp"
#include "nodes/cli/offline.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/output.hpp"
#include "nodes/cli/remote.hpp"
#include "nodes/cli/store_report.hpp"
#include "nodes/cli/tar_gz.hpp"
#include "nodes/config/version.hpp"
#include "protocol/raw_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <istream>
#include <memory>
#include <ostream>
#include <sstream>
#include <system_error>
#include <unistd.h>

namespace skein::cli {

namespace {

constexpr std::array columns{column{"FILE", "file", weight::whole}, column{"BYTES", "bytes"},
                             column{"NOTE", "note", weight::text}};

/// Of a log, its end.
constexpr std::size_t log_bytes_max = 4u << 20;

struct bundle_options {
  std::optional<std::string> config;
  std::optional<std::string> node;
  std::optional<std::string> data;
  std::optional<std::string> log;
  std::optional<std::string> out;
};

/// What has been gathered so far; what could not be is told with the rest.
class gathered {
 public:
  explicit gathered(instant now) : archive_{now} {}

  void add(const std::string& file, const std::string& text, std::string note = "") {
    archive_.add("skein-bundle/" + file, text);
    rows_.push_back({{"file", file}, {"bytes", text.size()}, {"note", std::move(note)}});
  }
  void add(const std::string& file, const json& value, std::string note = "") {
    add(file, write_json(value, 2) + "\n", std::move(note));
  }
  void miss(const std::string& file, const std::string& why) {
    rows_.push_back({{"file", file}, {"bytes", nullptr}, {"note", "missing: " + why}});
  }
  const json& rows() const { return rows_; }

  /// With the list of what there is.
  std::string finish() {
    const json list = {{"version", version()}, {"files", rows_}};
    archive_.add("skein-bundle/contents.json", write_json(list, 2) + "\n");
    return archive_.finish();
  }

 private:
  tar_archive archive_;
  json rows_ = json::array();
};

// ---- from the node ------------------------------------------------------------------------------

struct source {
  const char* file;
  const char* target;
};
constexpr std::array sources{source{"status.json", "/v1/status"}, source{"nodes.json", "/v1/nodes"},
                             source{"shards.json", "/v1/shards?limit=1000"},
                             source{"peers.json", "/v1/peers"}, source{"metrics.txt", "/metrics"}};

std::string reason_of(const complaint& told) {
  return told.why.empty() ? told.what : fmt::format("{}: {}", told.what, told.why);
}

void add_answer(gathered& all, const char* file, const http_answer& answer) {
  const json body = parse_json(answer.body);
  if (body.is_structured())
    return all.add(file, scrub_answer(body));
  std::string text;
  std::istringstream lines{answer.body};
  for (std::string line; std::getline(lines, line);)
    text += mask_secrets(line) + "\n";
  all.add(file, text);
}

/// Whether the node answered at all.
bool gather_from_node(context& at, gathered& all) {
  bool answers = true;
  for (const source& each : sources) {
    int exit = exit_code::done;
    if (!answers) {
      all.miss(each.file, "the node does not answer");
      continue;
    }
    const auto end = send_request(at, {"GET", each.target, {}, {}}, at.global.timeout, exit);
    if (!end) {
      answers = false;
      all.miss(each.file, "the server or the token file is not named rightly");
    } else if (const auto* failure = std::get_if<http_failure>(&*end)) {
      answers = false;
      all.miss(each.file, reason_of(explain(at, *failure, at.global.timeout).told));
    } else if (const auto& answer = std::get<http_answer>(*end);
               exit_code_of_status(answer.status) != exit_code::done) {
      all.miss(each.file, reason_of(explain(at, answer).told));
    } else {
      add_answer(all, each.file, answer);
    }
  }
  return answers;
}

// ---- from files ---------------------------------------------------------------------------------

/// The folder of the store, as the options or the configuration name it; empty: nobody does.
std::string gather_config(gathered& all, const bundle_options& options) {
  if (!options.config) {
    all.miss("config.json", "name the configuration with --config");
    return options.data.value_or("");
  }
  const loaded_config loaded = load_config_file(*options.config);
  all.add("config.json", scrub_config(loaded),
          loaded.ok() ? "" : "it has mistakes; their places are there");
  if (options.data || !loaded.ok())
    return options.data.value_or("");
  const auto node = options_for(loaded.config, options.node.value_or(""));
  return node && !node->ephemeral ? node->data_dir : "";
}

void gather_folder(gathered& all, const std::string& folder, bool node_answers) {
  if (folder.empty()) {
    all.miss("folder.json", "name the folder of the store with --data");
    return all.miss("verify.json", "name the folder of the store with --data");
  }
  if (const json facts = folder_facts(folder); facts.is_null())
    all.miss("folder.json", fmt::format("there is no folder {}", folder));
  else
    all.add("folder.json", facts);
  if (node_answers)
    return all.miss("verify.json", "a node runs; see: skein journal verify");
  if (const auto report = journal::verify_sqlite(folder); report)
    all.add("verify.json", scrub_answer(view_report(folder, *report)),
            report->problems.empty() ? "the store is whole" : "the store is damaged");
  else
    all.miss("verify.json", std::string{sentence(report.error().code)});
}

/// The end of a stream, from a line's begin on.
std::string end_of(std::istream& in) {
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (text.size() <= log_bytes_max)
    return text;
  text.erase(0, text.size() - log_bytes_max);
  return text.substr(std::min(text.find('\n') + 1, text.size()));
}

void gather_log(context& at, gathered& all, const bundle_options& options) {
  if (!options.log)
    return all.miss("log.txt", "name the node's log with --log; - is standard input");
  std::ifstream file;
  if (*options.log != "-")
    file.open(*options.log, std::ios::binary);
  std::istream& in = *options.log == "-" ? at.world.in : file;
  if (!in)
    return all.miss("log.txt", fmt::format("{} cannot be read", *options.log));
  const scrubbed_log log = scrub_log(end_of(in));
  all.add("log.txt", log.text,
          fmt::format("{} lines without what they are about, {} that are not Skein's left out",
                      log.shortened, log.left_out));
}

// ---- the file -----------------------------------------------------------------------------------

/// A new file that its maker alone can read.
std::error_code write_new(const std::string& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0)
    return {errno, std::generic_category()};
  std::error_code problem;
  for (std::size_t done = 0; done < bytes.size() && !problem;) {
    const ssize_t wrote = ::write(file, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno != EINTR)
      problem = {errno, std::generic_category()};
    done += wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
  }
  if (::close(file) != 0 && !problem)
    problem = {errno, std::generic_category()};
  if (problem)
    ::unlink(path.c_str());
  return problem;
}

/// skein-bundle-20260816T120000Z.tar.gz
std::string usual_name(instant now) {
  std::string name = "skein-bundle-";
  for (const char c : format_rfc3339(now).substr(0, 19))
    if (c != '-' && c != ':')
      name += c;
  return name + "Z.tar.gz";
}

int make_bundle(context& at, const bundle_options& options) {
  const instant now = at.world.wall_now ? at.world.wall_now() : wall_now();
  gathered all{now};
  all.add("machine.json", machine_facts());
  const bool answers = gather_from_node(at, all);
  gather_folder(all, gather_config(all, options), answers);
  gather_log(at, all, options);
  const std::string path = options.out.value_or(usual_name(now));
  if (!at.global.dry_run)
    if (const auto problem = write_new(path, all.finish()))
      return complain(at, exit_code::failed,
                      {fmt::format("{} cannot be written", path), problem.message(),
                       "name a new file with --out", "io-error"});
  print_list(at, {{"bundle", path}, {"files", all.rows()}}, "files", columns, "");
  say(at, at.global.dry_run
              ? fmt::format("would write {}", path)
              : fmt::format("{} has the files above; look into it before you give it away", path));
  return exit_code::done;
}

} // namespace

handler define_bundle(CLI::App& app) {
  auto options = std::make_shared<bundle_options>();
  add_text(app, "--config", options->config, "FILE", "configuration of the node (cluster.toml)");
  add_text(app, "--node", options->node, "NAME", "which of the file's nodes this is");
  add_text(app, "--data", options->data, "DIR", "folder of the store, if the file does not say it");
  add_text(app, "--log", options->log, "FILE", "the node's log; - is standard input");
  add_text(app, "--out", options->out, "FILE", "a new file (default skein-bundle-TIME.tar.gz)");
  return [options](context& at) { return make_bundle(at, *options); };
}

} // namespace skein::cli
