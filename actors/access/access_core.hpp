// The keeper of the tokens and of the record of what people changed.
//
//   create, revoke --> one commit: the token and the record of who did it --> the answer
//   a change elsewhere (note) --> a commit with its record --> that change's answer
//   every minute: when tokens were used last; every hour: records out of the retention time go
//
// Pure: step(input, now) appends effects; the shell (access_actor) carries them out.
//
// What must hold
//   - One commit is under way at a time; what comes in meanwhile waits.
//   - A token is valid from its commit on. One that is revoked is not valid from that moment on,
//     whatever the store says to it.
//   - A record that the store refuses is offered again until it is there.
#pragma once

#include "actors/access/audit.hpp"
#include "actors/access/token.hpp"
#include "actors/scheduler_core.hpp"

#include <nlohmann/json_fwd.hpp>

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace skein {

// ---- inputs -------------------------------------------------------------------------------------

struct access_command_in {
  std::uint64_t ticket = 0;
  caller by;
  std::string operation; // "token.create"
  std::string arguments; // JSON
};
/// A change that was made elsewhere, to be written down.
struct audit_note_in {
  std::uint64_t ticket = 0;
  audit_record record;
  std::string number{}; // tells it from others of its moment; empty: it gets one here
};
/// When tokens were used last.
struct token_uses_in {
  std::vector<std::pair<std::string, instant>> uses;
};
/// Keys of records whose time is over.
struct old_records_in {
  std::vector<std::string> keys;
  bool more = false;
};
using access_input = std::variant<access_command_in, audit_note_in, token_uses_in, old_records_in,
                                  committed_in, tick_in, stop_starting_in>;

// ---- effects ------------------------------------------------------------------------------------

struct access_answer_effect {
  std::uint64_t ticket = 0;
  api_answer answer;
};
/// These are valid from now on, and no others.
struct publish_tokens_effect {
  std::vector<access_token> tokens;
};
/// Answered with token_uses_in.
struct read_uses_effect {};
/// Answered with old_records_in: records behind this key.
struct find_old_records_effect {
  std::string behind;
};
using access_effect =
    std::variant<submit_effect, access_answer_effect, publish_tokens_effect, read_uses_effect,
                 find_old_records_effect, wake_effect, log_effect>;

// ---- the core -----------------------------------------------------------------------------------

struct access_settings {
  std::string node;
  epoch_no epoch{};
  duration retention = limits::retention; // of records
  agent_no tokens_agent{}, audit_agent{};
  bool shared = false; // the store is: what another keeper will do is left to it
};

class access_core {
 public:
  explicit access_core(access_settings settings) : settings_{std::move(settings)} {}

  /// Before the first step: what the journal has of each token.
  void recover(const std::string& name, std::string_view text);
  std::vector<access_token> valid_tokens() const;
  void start(moment now, std::vector<access_effect>& out);

  void step(access_input input, moment now, std::vector<access_effect>& out);

 private:
  /// One commit.
  struct transaction {
    std::vector<journal::keep_op::kept> states;
    std::optional<std::pair<std::string, std::optional<access_token>>> changed; // empty: gone
    std::optional<std::pair<std::uint64_t, std::string>> answer; // of the command: its body
    std::vector<audit_note_in> notes;
    std::vector<std::string> used; // names
    bool more_to_drop = false;
  };

  void on(access_command_in& input);
  void on(audit_note_in& input);
  void on(token_uses_in& input);
  void on(old_records_in& input);
  void on(committed_in& input);
  void on(tick_in&);
  void on(stop_starting_in&) { stopping_ = true; }

  void go_on();
  void take_notes();
  void take_uses();
  void take_command();
  result<std::string> create(const nlohmann::json& words, const caller& by);
  result<std::string> revoke(const nlohmann::json& words);
  void put(agent_no agent, const std::string& key, std::string text);
  void erase(agent_no agent, const std::string& key);
  void put_record(const audit_record& record, std::string number = {});
  void undo(const error& why);
  void list(std::uint64_t ticket);
  void answer(std::uint64_t ticket, errc code, std::string body);
  void publish();
  void arm(duration after);

  access_settings settings_;
  std::map<std::string, access_token> tokens_;
  std::set<std::string> locked_;        // revoked, but that is not durable: valid no more
  std::map<std::string, instant> uses_; // that are not written yet
  std::deque<access_command_in> commands_;
  std::deque<audit_note_in> notes_;
  std::vector<std::string> old_keys_;
  bool more_old_ = false;
  std::optional<transaction> open_;     // being made
  std::optional<transaction> sent_;     // with the journal
  std::uint64_t records_ = 0;           // made since the start
  std::optional<boot_time> not_before_; // the journal refused: notes wait until then
  std::optional<boot_time> armed_;
  boot_time next_drop_{};
  bool stopping_ = false;
  moment now_{};
  std::vector<access_effect>* out_ = nullptr;
};

} // namespace skein
