#include "nodes/reload/reload_core.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace skein {

using nlohmann::json;

namespace {

/// Of an error's text: a file may have thousands of mistakes.
constexpr std::size_t problems_told_max = 20;

error invalid(const loaded_config& offered) {
  std::string text;
  std::size_t told = 0;
  for (const config_problem& each : offered.problems) {
    if (each.level != problem_level::error)
      continue;
    if (++told > problems_told_max)
      continue;
    text.append(text.empty() ? "" : "\n").append(to_string(each, offered.file));
  }
  if (told > problems_told_max)
    text += fmt::format("\n... and {} more", told - problems_told_max);
  return {errc::invalid_config, std::move(text)};
}

error restart_needed(const loaded_config& offered, const config_changes& changes) {
  std::string text;
  for (const config_change& each : changes) {
    if (each.effect != change_effect::at_restart)
      continue;
    const std::string place =
        each.at.line == 0 ? offered.file : fmt::format("{}:{}", offered.file, each.at.line);
    text.append(text.empty() ? "" : "\n")
        .append(fmt::format("{}: {} takes effect at a restart", place, to_string(each)));
  }
  return {errc::needs_restart, text + "\nNothing of the file was taken over."};
}

json view_generation(const generation& which) {
  return {{"generation", which.number},
          {"hash", which.hash},
          {"at", format_rfc3339(which.at)},
          {"by", which.by}};
}

} // namespace

reload_core::reload_core(std::string node, loaded_config running, std::string text,
                         std::optional<generations> kept, instant now)
  : node_{std::move(node)}, running_{std::move(running)},
    known_{begin_generations(std::move(kept), {0, config_hash(running_.values), now,
                                               std::string{reload_by::start}, std::move(text)})},
    file_hash_{known_.current.hash} {}

reload_verdict reload_core::judge(const loaded_config& offered) const {
  reload_verdict verdict;
  if (!offered.ok()) {
    verdict.refused = invalid(offered);
    return verdict;
  }
  verdict.changes = diff_configs(running_.values, offered.values, node_);
  if (needs_restart(verdict.changes))
    verdict.refused = restart_needed(offered, verdict.changes);
#ifdef SKEIN_BUG_RELOAD_TAKES_HALF
  verdict.refused = {};
#endif
  return verdict;
}

generations reload_core::proposed(const loaded_config& offered, std::string text, std::string by,
                                  instant now) const {
  return next_generation(known_,
                         {0, config_hash(offered.values), now, std::move(by), std::move(text)});
}

void reload_core::taken(loaded_config offered, generations now) {
  running_ = std::move(offered);
  known_ = std::move(now);
  refused_.reset();
}

void reload_core::refused(std::string by, error why, instant now) {
  refused_ = refused_reload{now, std::move(by), std::move(why)};
}

json reload_core::view() const {
  json body = view_generation(known_.current);
  body["file"] = running_.file.empty() ? json(nullptr) : json(running_.file);
  body["watch"] = running_.config.reload.watch && !running_.file.empty();
  body["file_differs"] = file_hash_ != known_.current.hash;
  body["previous"] = known_.previous ? view_generation(*known_.previous) : json(nullptr);
  body["refused"] = nullptr;
  if (refused_)
    body["refused"] = {{"at", format_rfc3339(refused_->at)},
                       {"by", refused_->by},
                       {"code", slug(refused_->why.code)},
                       {"why", refused_->why.detail}};
  return body;
}

} // namespace skein
