// Who looks after a node's configuration while it works: a thread that reads the file when it has
// changed, or when somebody asks for that, and has it taken over. One at a time.
#pragma once

#include "actors/api.hpp"
#include "nodes/logging/log.hpp"
#include "nodes/reload/file_watch.hpp"
#include "nodes/reload/reload_core.hpp"
#include "nodes/reload/settling.hpp"
#include "protocol/unique_fd.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace skein {

class config_office {
 public:
  struct settings {
    std::string node;
    std::string file;   // empty: the node was started without one
    std::string text;   // what stood in it then
    std::string folder; // where generations are kept; empty: nowhere
    std::function<moment()> now;
    log_function log;
    /// Takes it over, or says why nothing of it was. On the office's thread, as what follows.
    std::function<result<void>(const loaded_config&)> apply;
    /// What status shows, and what the other nodes are told: at each change, and now and then.
    std::function<void(std::string view, std::uint64_t generation, const std::string& hash)> tell;
    /// Before it reads a configuration, and behind: a supervisor may be waiting.
    std::function<void(bool begins)> busy;
  };
  explicit config_office(settings given);
  ~config_office();
  config_office(const config_office&) = delete;
  config_office& operator=(const config_office&) = delete;

  /// From here on questions are answered with `draining`, those that wait too. Any thread.
  void end();

  /// config.describe, config.reload {"dry_run"}, config.rollback {"dry_run"}, as node_api::ask.
  static bool answers(std::string_view operation);
  /// Any thread; the answer comes on the office's.
  void ask(std::string by, std::string operation, std::string arguments,
           std::function<void(api_answer)> done);
  /// SIGHUP. Any thread.
  void signal();

 private:
  struct question {
    std::string by;
    std::string operation;
    std::string arguments;
    std::function<void(api_answer)> done; // empty: nobody waits
  };
  struct offer {
    loaded_config loaded;
    std::string text;
    std::string by;
    bool dry_run = false;
  };

  void run();
  void wait();
  std::optional<question> next_question(bool& ends);
  void look_at_file();
  result<offer> read_file(std::string by);
  result<offer> read_previous(std::string by) const;
  api_answer answer(const question& asked);
  api_answer take(offer what);
  error carry_out(offer& what);
  result<void> keep(const generations& which);
  void log_taken(const reload_verdict& verdict, const offer& what) const;
  void log_refused(const error& why, const offer& what) const;
  void tell();

  settings settings_;
  std::optional<reload_core> core_; // the thread's own, as what follows
  file_watch watch_;
  settling settling_;
  boot_time tell_at_{};
  boot_time renew_at_{}; // a folder in which much happens is not looked at all the time
  unique_fd wake_;
  std::mutex mutex_;
  std::deque<question> questions_; // guarded by mutex_
  bool ends_ = false;              // guarded by mutex_
  std::thread thread_;
};

} // namespace skein
