// Questions to other nodes' offices that wait for an answer. A question is sent again each second;
// who does not answer in time counts as silent.
#pragma once

#include "actors/api.hpp"
#include "actors/ports.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>

namespace skein {

/// The part of a node that these frames are from and for.
inline constexpr std::string_view config_part = "config";

class config_asks : public std::enable_shared_from_this<config_asks> {
 public:
  /// Both outlive close().
  config_asks(clock_port& clock, bus_port& bus) : clock_{clock}, bus_{bus} {}

  using frame_maker = std::function<slice(std::uint64_t request)>;
  void ask(const std::string& node, std::function<void(api_answer)> done, const frame_maker& make);
  /// An answer came from that node; any thread.
  void settle(std::uint64_t request, const std::string& node, api_answer how);
  /// What another node asks: true once, when it is to be carried out. What comes again is under
  /// way, or gets its answer once more; any thread.
  bool is_new(const frame_header& asker, std::uint64_t request);
  void answer_to(const frame_header& asker, std::uint64_t request, slice answer);
  /// Nobody is asked any more; who waits is told so.
  void close();

 private:
  struct question {
    std::string node;
    slice frame;
    boot_time until;
    std::function<void(api_answer)> done;
  };
  using asked = std::tuple<std::string, std::uint64_t, std::uint64_t>; // node, its boot, request
  void look(std::uint64_t request);
  void look_later(std::uint64_t request);

  clock_port& clock_;
  bus_port& bus_;
  std::mutex mutex_;
  std::map<std::uint64_t, question> open_; // guarded by mutex_
  std::uint64_t last_ = 0;                 // likewise
  std::map<asked, slice> asked_;           // likewise; without an answer: under way
  std::deque<asked> answered_;             // likewise; the oldest first
  bool closed_ = false;                    // likewise
};

} // namespace skein
