// A loop and the world around it, in one thread and without time of its own: the real scheduler and
// retry cores over the journal in memory, a broker that grants from a real credit book, and agents
// that do nothing until the test says so. All that happens is written into a trace, a line each.
#pragma once

#include "actors/retry_core.hpp"
#include "actors/scheduler_core.hpp"
#include "journal/memory_journal.hpp"
#include "nodes/broker/credit_book.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace skein::test {

struct agent_words {
  std::string name = "bot";
  bool pure = false;
  unsigned slots = 10;
  std::uint32_t attempts = 3;
};

struct event_words {
  std::string id = "1";
  std::string key = "k";
  std::string type = "t";
  std::string data{};
  std::string due{};
  std::string expires{};
  std::string priority{};
};

struct world_settings {
  std::vector<agent_words> agents = {{}};
  std::vector<std::pair<std::string, std::string>> routes = {{"*", "bot"}}; // type, agent
  std::uint32_t shards = 1;
  std::uint32_t loops = 1;
  std::size_t dedupe_entries_max = limits::dedupe_identities_max;
  bool tell_turns = false;
  /// By default all is in memory.
  window_settings window{1'000'000, 1'000'000, 1'000'000, std::chrono::hours{1}};
  bool bodies_in_rows = false; // as with large ones
};

class loop_world {
 public:
  explicit loop_world(world_settings settings = {});

  /// One publish frame; its number.
  std::uint64_t publish_all(const std::vector<event_words>& events);
  std::uint64_t publish(const event_words& event) { return publish_all({event}); }
  /// The same frame once more.
  void publish_again(std::uint64_t number);
  /// A question of the gateway; its request number.
  std::uint64_t ask(const std::string& json);
  /// Events that another loop's commit made, so long ago.
  void foreign(const std::vector<event_words>& events, duration ago = {});

  /// What an agent says of a turn that runs, by name: "0-1.bot/1".
  void done(const std::string& turn, turn_outcome outcome = {});
  void fail(const std::string& turn, turn_verdict verdict = turn_verdict::failed,
            duration after = {});
  /// `state`: what it keeps; "none" deletes it.
  void fall_asleep(const std::string& turn, duration time, const std::string& state = {});
  /// The last outcomes frame once more.
  void say_again();

  /// Answers the oldest submit that is held.
  void commit();
  void commit_all();
  /// Tells the loop of the commits whose answers are held.
  void tell_answers();
  /// Answers the oldest read that is held.
  void read();
  /// Gives what was asked for of rows and timers.
  void give_rows();
  result<std::vector<journal::pending_delivery>>
  rows_of(const std::vector<std::uint64_t>& sequences);
  std::size_t rows_held() const { return rows_.size(); }

  void wait(duration time);
  /// Shards that come and go; who gets them reads the store. `epoch` is granted by the store.
  void adopt(const std::vector<shard_id>& shards, epoch_no epoch, bool unclean = false);
  void leave(const std::vector<shard_id>& shards) { step(leave_in{shards}); }
  void stay(const std::vector<shard_id>& shards) { step(stay_in{shards}); }
  void lose(const std::vector<shard_id>& shards);
  /// Another configuration: these agents, and routes of a type and an agent.
  void change(std::vector<agent_words> agents,
              std::vector<std::pair<std::string, std::string>> routes);
  void stop_starting();
  void watch_progress();
  /// The process ends here and starts again on what is on disk.
  void restart(bool clean);

  /// The trace since the last call.
  std::vector<std::string> take();
  std::size_t submits_held() const { return submits_.size(); }
  std::size_t reads_held() const { return reads_.size(); }
  scheduler_core& core() { return *core_; }
  offered_event offered(const event_words& event) const;
  turn_outcome emitting(const std::vector<event_words>& events) const;
  journal::engine& store() { return *engine_; }
  std::set<std::string> running() const;

  bool hold_commits = false;
  bool hold_answers = false; // commits happen, but the loop is not told; see tell_answers()
  bool lose_demands = false;
  bool hold_reads = false;
  bool grants = true;  // false: the broker says nothing
  errc fail_commits{}; // instead of committing
  bool fail_reads = false;
  std::set<std::uint64_t> unreadable;        // events whose rows come with their damage
  std::map<std::uint64_t, bool> on_bad_page; // and whether the event's own row is known
  bool hold_rows = false;                    // rows and timers; see give_rows()
  bool reads_early = false; // rows are read when they are asked for, not when they are given
  std::size_t largest_submit = 0;
  std::size_t rows_asked = 0;   // in all
  std::size_t timers_asked = 0; // readings of timers
  duration wall_skew{0};
  bool freeze_wall = false;            // as engine time does after the clock was set back
  std::uint64_t foreign_announced = 0; // by the store; foreign() sees to its own
  std::size_t steps = 0;
  std::size_t frames = 0; // that the loop sent
  /// Frames to the loop whose bytes something still keeps.
  std::size_t frames_kept() const;

  /// What is told to the loop by `happen` waits in its mailbox together.
  void together(const std::function<void()>& happen);

 private:
  struct turn_at {
    std::string agent;
    turn_id turn;
    epoch_no epoch{};
  };

  void open();
  moment now() const {
    if (!freeze_wall)
      frozen_ = start_ + elapsed_ + wall_skew;
    return {frozen_, boot_time{elapsed_}};
  }
  void step(scheduler_input input);
  void pump();
  void frame_to_loop(const address& from, const message& body, std::uint64_t number = 0);
  void outcome(const std::string& turn, turn_outcome what);
  void ask_retry(retry_input input);

  void perform(submit_effect& effect);
  void perform(send_effect& effect);
  void perform(read_state_effect& effect);
  void perform(read_bodies_effect& effect);
  void perform(read_rows_effect& effect);
  void perform(read_timers_effect& effect);
  void perform(ask_retry_effect& effect);
  void perform(arm_retry_effect& effect);
  void perform(wake_effect& effect) { wakes_.insert(effect.at); }
  void perform(gave_up_effect& effect);
  void perform(fenced_effect& effect);
  void perform(progress_effect& effect);
  void perform(log_effect& effect);
  void took(const frame_header& header, const message& body);
  void hand_out(const credit_book::grants& given);

  void tell(std::string line) { trace_.push_back(std::move(line)); }
  void tell_disk(const journal::operation& op, const journal::op_result& verdict);
  std::string name(const delivery_id& delivery, agent_no agent) const;
  std::string offset(instant at) const;

  world_settings settings_;
  std::shared_ptr<journal::memory_store> disk_;
  std::map<shard_id, epoch_no> adopted_; // the epochs of shards that came later
  std::unique_ptr<journal::engine> engine_;
  std::unique_ptr<journal::reader> reader_;
  std::unique_ptr<scheduler_core> core_;
  std::unique_ptr<retry_core> retry_;
  credit_book book_;
  std::map<std::string, std::uint64_t> opened_;

  instant start_ = from_ns(1'700'000'000'000'000'000);
  duration elapsed_{0};
  mutable instant frozen_;
  std::multiset<boot_time> wakes_, retry_wakes_;
  std::deque<scheduler_input> inputs_;
  std::vector<std::weak_ptr<const void>> frames_in_;
  bool gathering_ = false; // they wait
  bool together_ = false;  // they are taken together
  std::deque<std::vector<journal::operation>> submits_;
  std::deque<committed_in> answers_;
  std::deque<std::variant<read_state_effect, read_bodies_effect>> reads_;
  std::deque<std::variant<read_rows_effect, read_timers_effect, rows_in>> rows_;
  std::map<std::string, turn_at> running_;
  std::map<std::uint64_t, skein::publish> published_;
  std::optional<frame> said_;
  std::uint64_t gateway_number_ = 0, agent_number_ = 0, requests_ = 0;
  std::uint64_t foreign_ = 1'000'000;
  std::uint64_t foreign_told_ = 0;
  std::vector<std::string> trace_;
};

} // namespace skein::test
