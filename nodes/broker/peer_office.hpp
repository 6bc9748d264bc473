// Who looks after a node's list of peers: a thread that reads the file anew when it has changed,
// and that changes it when it is asked to. The broker's thread touches no disk.
#pragma once

#include "actors/api.hpp"
#include "nodes/broker/broker.hpp"
#include "nodes/logging/log.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace skein {

class peer_office {
 public:
  struct settings {
    std::string node;
    std::string folder;
    broker* bus = nullptr; // outlives the office
    std::function<instant()> now;
    log_function log;
  };
  explicit peer_office(settings given);
  ~peer_office();
  /// From here on questions are answered with `draining`, those that wait too. Any thread.
  void end();
  peer_office(const peer_office&) = delete;
  peer_office& operator=(const peer_office&) = delete;

  /// peer.list, peer.allow and peer.revoke, as node_api::ask.
  static bool answers(std::string_view operation);
  /// Any thread; the answer comes on the office's.
  void ask(std::string operation, std::string arguments, std::function<void(api_answer)> done);

 private:
  struct question {
    std::string operation;
    std::string arguments;
    std::function<void(api_answer)> done;
  };
  void run();
  void serve_questions();
  std::optional<question> next_question(bool& ends);
  result<void> read_anew_if_changed();
  result<std::string> answer(const question& asked);
  result<std::string> list() const;

  settings settings_;
  std::string stamp_;      // of the list that is in force; the thread's own, and the next
  std::string unreadable_; // stamp of one that was told of
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<question> questions_; // guarded by mutex_
  bool ends_ = false;              // guarded by mutex_
  std::thread thread_;
};

} // namespace skein
