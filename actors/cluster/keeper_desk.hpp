// The jobs, the tokens and the records of what people changed are kept by one node of all: the
// owner of shard 0 (docs/decisions/0028). What is asked of them at any node goes by the desks.
//
//   asked here --> the keepers are here -------------------------------> asked of them --> answer
//              |                                                              ^
//              '-> the owner's desk --> they are there -----------------------'
//                       '-- they are not (yet): held back, and sent again to whoever has them
//
// What must hold
//   - What changes something is asked of keepers at most once. It is sent again, but only to the
//     same process of the owner, which knows it by its number, until that one answers; to another
//     one only after a desk, or the store, said that nothing was done. If no answer comes nobody
//     knows what became of it, and that is the answer.
//   - What changes nothing is sent to whoever has the keepers until it is answered.
//
// Pure: step(input, now) appends effects; the shell (keepers_actor) carries them out.
#pragma once

#include "actors/api.hpp"
#include "actors/cluster/keeper_shard.hpp"
#include "actors/cluster/lease_core.hpp"
#include "actors/courier.hpp"
#include "actors/scheduler_core.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace skein {

inline constexpr std::string_view keeper_desk_name = "keeper";

/// Who has them, by the store's word; empty: nobody has.
std::string keeper_of(const shard_owners& owners);

/// An operation for the keepers, of its name's first part: "job.create".
bool is_for_keepers(std::string_view operation) noexcept;
/// An operation that a node carries out itself, whichever it is asked at: "node.drain".
bool is_for_node(std::string_view operation) noexcept;
/// A change that was made elsewhere, to be written down: its arguments are the record's text.
inline constexpr std::string_view note_operation = "audit.note";
/// When tokens were used at another node: {"name":nanoseconds since 1970}.
inline constexpr std::string_view uses_operation = "token.used";

// ---- inputs -------------------------------------------------------------------------------------

struct desk_ask_in {
  std::uint64_t ticket = 0; // from 1 up, each once
  caller by;
  std::string operation;
  std::string arguments; // JSON
  std::string node{};    // that is to do it; empty: whichever has the keepers
};
struct desk_owners_in {
  shard_owners all;
};
/// Whether there are keepers here that take what they are asked. Those that were here before still
/// answer what they were asked, or never do.
struct desk_keepers_in {
  bool here = false;
};
/// Of the keepers here.
struct desk_answer_in {
  std::uint64_t ask = 0;
  api_answer said;
};
using desk_input =
    std::variant<desk_ask_in, desk_owners_in, desk_keepers_in, desk_answer_in, frame_in, tick_in>;

// ---- effects ------------------------------------------------------------------------------------

/// Ask the keepers here; answered with desk_answer_in.
struct ask_keepers_effect {
  std::uint64_t ask = 0;
  caller by;
  std::string operation;
  std::string arguments;
};
/// To who asked here.
struct desk_answer_effect {
  std::uint64_t ticket = 0;
  api_answer answer;
};
using desk_effect = std::variant<send_effect, ask_keepers_effect, desk_answer_effect, wake_effect>;

// ---- the core -----------------------------------------------------------------------------------

struct desk_settings {
  std::string node;
  std::uint64_t boot = 0;                            // of its process, in its frames
  duration answer_within = std::chrono::seconds{20}; // then what was done is not known
};

class keeper_desk {
 public:
  explicit keeper_desk(desk_settings settings);

  void step(desk_input input, moment now, std::vector<desk_effect>& out);

 private:
  /// On its way to another desk.
  struct sending {
    address to;
    std::uint64_t number = 0; // of the frame
    std::uint64_t request = 0;
    bool pinned = false; // to one process
  };
  /// What was asked here.
  struct question {
    caller by;
    std::string operation, arguments;
    std::string node; // as asked
    boot_time until;
    bool is_here = false;        // with the keepers here
    std::optional<sending> sent; // neither: held back
  };
  /// What keepers here were asked: for a ticket of this node, or another desk's frame.
  struct open_ask {
    std::variant<std::uint64_t, frame_header> whose;
    std::uint64_t request = 0; // in the other desk's frame
    boot_time until;
  };
  struct remembered {
    frame_header asked;
    slice answer;
  };

  void on(desk_ask_in& input);
  void on(desk_owners_in& input);
  void on(desk_keepers_in& input);
  void on(desk_answer_in& input);
  void on(frame_in& input);
  void on(tick_in& input);
  void on_query(const frame_header& header, const query& body);
  void on_answer(const frame_header& header, const answer& body);
  bool hear_process(const frame_header& header);
  void ask_keepers(open_ask whose, caller by, std::string operation, std::string arguments);
  void place(std::uint64_t ticket, question& which);
  void send(std::uint64_t ticket, question& which, const std::string& node, bool pinned);
  bool knows_process_of(const std::string& node) const;
  void greet(const std::string& node);
  void place_held();
  void hold(question& which);
  void settle(std::uint64_t ticket, errc code, std::string body);
  void lose(const std::vector<std::uint64_t>& tickets);
  void answer_desk(const open_ask& whose, errc code, std::string body);
  void end_late();
  void arm();

  desk_settings settings_;
  courier courier_;
  shard_owners owners_;
  bool here_ = false;
  std::map<std::uint64_t, question> questions_;    // by ticket
  std::map<std::uint64_t, std::uint64_t> tickets_; // of requests to other desks
  std::uint64_t last_request_ = 0;
  std::map<std::uint64_t, open_ask> asks_;
  std::uint64_t last_ask_ = 0;
  std::deque<remembered> answers_; // of changes, to other desks
  struct process {
    std::uint64_t boot = 0;
    boot_time heard{};
  };
  std::map<std::string, process> processes_;               // of other desks, by node
  std::set<std::pair<std::string, std::uint64_t>> former_; // processes before those
  std::map<std::string, boot_time> greeted_;               // when they were last
  std::optional<boot_time> armed_;
  moment now_{};
  std::vector<desk_effect>* out_ = nullptr;
};

} // namespace skein
