#include "nodes/reload/config_office.hpp"

#include "actors/arguments.hpp"
#include "actors/config_facts.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::string_view component = "config";
constexpr std::chrono::milliseconds look_pause{50};
constexpr std::size_t changes_logged_max = 50;

void raise(const unique_fd& wake) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto sent = ::write(wake.get(), &one, sizeof one);
}

std::string counted(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

} // namespace

config_office::config_office(settings given)
  : settings_{std::move(given)}, watch_{settings_.file}, settling_{stamp_of_file(settings_.file)},
    wake_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
  std::optional<generations> kept;
  if (!settings_.folder.empty()) {
    auto read = load_generations(settings_.folder);
    if (read)
      kept = *std::move(read);
    else
      settings_.log(log_level::warn, component, "generations-unread",
                    "what the node kept of configurations before is not used: " +
                        to_string(read.error()),
                    {});
  }
  core_.emplace(settings_.node, load_config(settings_.text, settings_.file, own_surroundings()),
                settings_.text, std::move(kept), settings_.now().wall);
  if (auto kept_now = keep(core_->known()); !kept_now)
    settings_.log(log_level::warn, component, "generation-not-kept",
                  "after a restart there is no configuration to go back to: " +
                      to_string(kept_now.error()),
                  {});
  tell();
  thread_ = std::thread{[this] { run(); }};
}

config_office::~config_office() {
  end();
  thread_.join();
}

void config_office::end() {
  {
    const std::lock_guard lock{mutex_};
    ends_ = true;
  }
  raise(wake_);
}

bool config_office::answers(std::string_view operation) {
  return operation == "config.describe" || operation == "config.reload" ||
         operation == "config.rollback";
}

void config_office::ask(std::string by, std::string operation, std::string arguments,
                        std::function<void(api_answer)> done) {
  bool ends = false;
  {
    const std::lock_guard lock{mutex_};
    ends = ends_;
    if (!ends)
      questions_.push_back({std::move(by), std::move(operation), std::move(arguments), done});
  }
  if (ends && done)
    done({errc::draining, {}});
  else
    raise(wake_);
}

void config_office::signal() { ask(std::string{reload_by::signal}, "config.reload", "{}", {}); }

// ---- the thread ---------------------------------------------------------------------------------

void config_office::run() {
  ::pthread_setname_np(::pthread_self(), "skein-config");
  while (true) {
    bool ends = false;
    while (auto next = next_question(ends)) {
      api_answer said = ends ? api_answer{errc::draining, {}} : answer(*next);
      if (next->done)
        next->done(std::move(said));
    }
    if (ends)
      return;
    look_at_file();
    if (settings_.now().boot >= tell_at_)
      tell();
    wait();
  }
}

std::optional<config_office::question> config_office::next_question(bool& ends) {
  const std::lock_guard lock{mutex_};
  ends = ends_;
  if (questions_.empty())
    return std::nullopt;
  question next = std::move(questions_.front());
  questions_.pop_front();
  return next;
}

void config_office::wait() {
  const reload_options& how = core_->running().config.reload;
  boot_time until = tell_at_;
  if (how.watch && !settings_.file.empty())
    if (const auto again = settling_.next(how.settle))
      until = std::min(until, *again);
  const boot_time now = settings_.now().boot;
  const bool watches = how.watch && now >= renew_at_;
  if (how.watch && !watches)
    until = std::min(until, renew_at_);
  std::array<pollfd, 2> items{{{wake_.get(), POLLIN, 0}, {watches ? watch_.fd() : -1, POLLIN, 0}}};
  const auto wait_ms =
      std::chrono::ceil<std::chrono::milliseconds>(std::max<duration>(until - now, duration{0}));
  ::poll(items.data(), items.size(), static_cast<int>(wait_ms.count()));
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_.get(), &count, sizeof count);
  if (watches && (items[1].revents & POLLIN) != 0) {
    watch_.renew();
    renew_at_ = settings_.now().boot + look_pause;
  }
}

void config_office::look_at_file() {
  const reload_options& how = core_->running().config.reload;
  const std::string settled = stamp_of_file(settings_.file);
  if (!how.watch || settings_.file.empty() ||
      !settling_.look(settled, settings_.now().boot, how.settle))
    return;
  watch_.renew(); // links may lead elsewhere now
  auto offered = read_file(std::string{reload_by::file});
  if (const std::string read = stamp_of_file(settings_.file); read != settled) // half of another
    settling_.changed(read, settings_.now().boot);
  else if (offered)
    static_cast<void>(take(*std::move(offered)));
}

void config_office::tell() {
  tell_at_ = settings_.now().boot + config_told_every;
  settings_.tell(core_->view().dump(-1, ' ', false, json::error_handler_t::replace),
                 core_->known().current.number, core_->known().current.hash);
}

// ---- reading ------------------------------------------------------------------------------------

result<config_office::offer> config_office::read_file(std::string by) {
  if (settings_.file.empty())
    return error{errc::state_conflict,
                 "The node was started without a configuration: there is no file to read."};
  settling_.know(stamp_of_file(settings_.file)); // before: what comes meanwhile is read again
  offer made;
  made.loaded = load_config_file(settings_.file, &made.text);
  made.by = std::move(by);
  if (made.loaded.ok())
    core_->saw_file(config_hash(made.loaded.values));
  return made;
}

result<config_office::offer> config_office::read_previous(std::string by) const {
  const auto& before = core_->known().previous;
  if (!before)
    return error{errc::state_conflict, "The node has worked by no other configuration before."};
  offer made;
  made.text = before->text;
  made.loaded = load_config(made.text, settings_.file, own_surroundings());
  made.by = std::move(by);
  return made;
}

// ---- what is asked ------------------------------------------------------------------------------

api_answer config_office::answer(const question& asked) {
  if (asked.operation == "config.describe") {
    json body = core_->view();
    body["node"] = settings_.node;
    return {errc::none, body.dump(-1, ' ', false, json::error_handler_t::replace)};
  }
  const json words = json::parse(asked.arguments.empty() ? "{}" : asked.arguments, nullptr, false);
  if (!words.is_object())
    return {errc::invalid_argument, "the arguments are not a JSON object"};
  auto made = asked.operation == "config.rollback" ? read_previous(asked.by) : read_file(asked.by);
  if (!made)
    return {made.error().code, made.error().detail};
  made->dry_run = flag_of(words, "dry_run");
  return take(*std::move(made));
}

api_answer config_office::take(offer what) {
  if (!what.dry_run)
    settings_.busy(true);
  const reload_verdict verdict = core_->judge(what.loaded);
  error why = verdict.refused;
  if (verdict.is_new() && !what.dry_run)
    why = carry_out(what);
  if (!what.dry_run) {
    if (why.code != errc::none) {
      core_->refused(what.by, why, settings_.now().wall);
      log_refused(why, what);
    } else if (verdict.is_new()) {
      log_taken(verdict, what);
    } else {
      core_->same();
      settings_.log(log_level::info, component, "config-same",
                    "the configuration says the same as the one in force", {{"by", what.by}});
    }
    tell();
    settings_.busy(false);
  }
  if (why.code != errc::none)
    return {why.code, why.detail};
  json body{{"node", settings_.node},
            {"changed", verdict.is_new() && !what.dry_run},
            {"dry_run", what.dry_run},
            {"generation", core_->known().current.number},
            {"hash", core_->known().current.hash},
            {"file_differs", core_->view()["file_differs"]},
            {"changes", view_changes(verdict.changes)}};
  return {errc::none, body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

/// Kept before it is in force: a node that is killed in between reads the file anyway.
error config_office::carry_out(offer& what) {
  const generations before = core_->known();
  generations next = core_->proposed(what.loaded, what.text, what.by, settings_.now().wall);
  if (auto kept = keep(next); !kept)
    return {kept.error().code,
            "The configuration before could not be kept, so nothing was changed: " +
                kept.error().detail};
  if (auto applied = settings_.apply(what.loaded); !applied) {
    if (auto kept = keep(before); !kept)
      settings_.log(log_level::warn, component, "generation-not-kept", to_string(kept.error()), {});
    return applied.error();
  }
  core_->taken(std::move(what.loaded), std::move(next));
  return {};
}

result<void> config_office::keep(const generations& which) {
  if (settings_.folder.empty() || settings_.file.empty())
    return {};
  return save_generations(settings_.folder, which);
}

void config_office::log_taken(const reload_verdict& verdict, const offer& what) const {
  const generation& now = core_->known().current;
  settings_.log(log_level::info, component, "config-taken-over",
                fmt::format("{} of the configuration {} in force; running turns end as they began",
                            counted(verdict.changes.size(), "change"),
                            verdict.changes.size() == 1 ? "is" : "are"),
                {{"generation", std::to_string(now.number)}, {"hash", now.hash}, {"by", what.by}});
  for (std::size_t i = 0; i < std::min(verdict.changes.size(), changes_logged_max); ++i)
    settings_.log(log_level::info, component, "config-change", to_string(verdict.changes[i]), {});
}

void config_office::log_refused(const error& why, const offer& what) const {
  settings_.log(log_level::error, component, "config-refused",
                "the configuration was refused, and the node works on as before: " +
                    std::string{sentence(why.code)},
                {{"code", std::string{slug(why.code)}}, {"by", what.by}});
  for (std::string_view rest = why.detail; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    settings_.log(log_level::error, component, "config-problem", std::string{rest.substr(0, end)},
                  {});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

} // namespace skein
