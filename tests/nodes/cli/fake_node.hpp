// A node as the command line sees one: an HTTP server on loopback that gives canned answers and
// remembers what it was asked.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace skein::test {

struct canned_answer {
  unsigned status =
      200; // 0: close the connection without an answer; 1: never answer; 2: no HTTP at all
  std::string content_type = "application/json";
  std::string fields = {}; // more header lines, each with its line end
  std::string body = {};
};

struct seen_request {
  std::string line; // "GET /v1/status"
  std::string head; // all header lines
  std::string body;
};

class fake_node {
 public:
  fake_node();
  ~fake_node();
  fake_node(const fake_node&) = delete;
  fake_node& operator=(const fake_node&) = delete;

  std::string url() const;

  /// Answers to one line queue up; the last one stays until another is given after it was used.
  void serve(const std::string& line, canned_answer answer);
  /// Called with each request before it is answered.
  void on_request(std::function<void()> call);
  /// What was asked since the last call.
  std::vector<seen_request> take_requests();

 private:
  void run();
  void handle(int fd);
  canned_answer answer_to(const std::string& line);

  unsigned port_ = 0; // before listener_, which sets it
  int listener_ = -1;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  struct answer_queue {
    std::vector<canned_answer> answers;
    bool last_used = false;
  };
  std::map<std::string, answer_queue> answers_;
  std::vector<seen_request> requests_;
  std::function<void()> on_request_;
  std::thread thread_;
};

/// A port of loopback at which nobody listens.
unsigned closed_port();

} // namespace skein::test
