// A node's word on which shards are its own: keeps its leases, takes what is to be its, gives up
// what is not. Pure. All nodes run the same; nobody leads.
//
//   other's --take--> taken --> adopting: the engine reads it --> held
//   held --> leaving: loops end what runs --> forgetting: the engine lets go --> released -->
//   other's held, leaving --the store says so--> lost: loops drop it --> forgetting --> other's
//
// Questions to the store are answered in the order in which they were asked.
//
// What must hold
//   - Nothing is started or committed for a shard after the time that its lease was last known to
//     last, counted from before the question and less a margin, by the clock that is never set.
//   - A shard's lease is released only when the engine has forgotten the shard, and the engine is
//     told to forget it only when the loops have.
#pragma once

#include "actors/cluster/placement.hpp"
#include "actors/scheduler_core.hpp"
#include "journal/lease_store.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace skein {

// ---- inputs -----------------------------------------------------------------------------------

/// The answer to a beat: who is there, and which leases were renewed.
struct beat_in {
  boot_time asked; // before the question
  result<journal::cluster_view> view = errc::internal;
  result<std::vector<journal::held_shard>> held = errc::internal;
};
struct taken_in {
  boot_time asked;
  std::vector<shard_id> wanted;
  result<std::vector<journal::taken_shard>> taken = errc::internal;
};
/// The engine has adopted them and the loops have what is pending of them.
struct adopted_in {
  std::vector<journal::held_shard> shards;
  result<void> done = errc::internal;
};
/// Nothing of them is in the loops any more.
struct gave_up_in {
  std::vector<shard_id> shards;
};
/// The engine has forgotten them.
struct forgotten_in {
  std::vector<shard_id> shards;
};
struct released_in {
  std::vector<shard_id> shards;
  result<void> done = errc::internal;
};
struct fenced_in {
  shard_id shard{};
  epoch_no epoch{};
};
/// Another node says that these can be taken at once.
struct hint_in {
  std::vector<shard_id> shards;
};
/// The node is to be emptied, or is to take part again.
struct empty_in {
  bool leaving = true;
  bool for_good = false; // it stops: there is no way back, and it keeps nothing for want of others
};
using lease_input = std::variant<beat_in, taken_in, adopted_in, gave_up_in, forgotten_in,
                                 released_in, fenced_in, hint_in, empty_in, tick_in>;

/// A node that takes part, for people.
struct lease_member {
  std::string node, address; // of its broker; empty: it has none
  std::uint32_t weight = 1;
  bool leaving = false; // it gives its shards up, or has, and gets none
};

// ---- effects ----------------------------------------------------------------------------------

/// Ask for the view and renew what is held.
struct beat_effect {
  bool leaving = false;
};
struct take_effect {
  std::vector<shard_id> shards;
};
/// One had them that did not give them up in order, unless `clean`.
struct adopt_effect {
  std::vector<journal::held_shard> shards;
  bool clean = false;
};
struct leave_shards_effect {
  std::vector<shard_id> shards;
};
struct stay_shards_effect {
  std::vector<shard_id> shards;
};
/// With the epochs that are over.
struct lose_shards_effect {
  std::vector<journal::held_shard> shards;
};
struct forget_shards_effect {
  std::vector<shard_id> shards;
};
struct release_shards_effect {
  std::vector<shard_id> shards;
};
/// Until then, and no longer, may anything be started or committed.
struct lease_until_effect {
  boot_time until;
};
/// Tell this node that it can take them.
struct hint_effect {
  std::string node;
  std::vector<shard_id> shards;
};
/// Whose each shard is, as far as is known here.
struct shard_owners {
  std::vector<std::string> nodes;    // in order
  std::vector<std::uint32_t> owners; // by shard, an index into nodes or no_member
  friend bool operator==(const shard_owners&, const shard_owners&) = default;
};
struct owners_effect {
  shard_owners all;
};
/// Of a node that leaves: nothing is left here.
struct emptied_effect {};
/// Another process has this node's name, and had it first.
struct twin_effect {};
using lease_effect =
    std::variant<twin_effect, beat_effect, take_effect, adopt_effect, leave_shards_effect,
                 stay_shards_effect, lose_shards_effect, forget_shards_effect,
                 release_shards_effect, lease_until_effect, hint_effect, owners_effect,
                 emptied_effect, wake_effect, log_effect>;

// ---- the core ---------------------------------------------------------------------------------

struct lease_settings {
  journal::member_info self;
  std::uint32_t shards = 256;
  duration ttl = limits::lease_ttl;
  duration margin = limits::lease_margin;     // what clocks may differ by, and a commit may take
  duration beat = limits::lease_beat;         // between two beats
  duration patience = limits::leave_patience; // then what runs goes on, and it is tried again
  std::uint32_t tries = limits::leave_tries;  // then what runs is stopped
  std::size_t leaving_max = limits::leaving_shards_max; // at once
};

class lease_core {
 public:
  explicit lease_core(lease_settings settings);

  void step(lease_input input, moment now, std::vector<lease_effect>& out);

  std::size_t held() const noexcept;
  const shard_owners& owners() const noexcept { return owners_; }
  /// Who is there, by the store's last word; in the order of the names.
  std::vector<lease_member> members() const;
  /// When the last beat that was answered was asked.
  boot_time heard() const noexcept { return heard_; }
  struct counters {
    std::uint64_t taken = 0, given = 0, lost = 0, beats = 0, beats_failed = 0;
  };
  const counters& counted() const noexcept { return counted_; }

 private:
  enum class stage : std::uint8_t {
    others,
    taking,
    adopting,
    held,
    leaving,
    lost,       // the loops are told to drop it
    forgetting, // the engine is told
    releasing,
  };
  struct shard_state {
    stage at = stage::others;
    epoch_no epoch{};
    bool in_order = false;   // forgetting: it was given up, not lost
    std::uint32_t tries = 0; // to leave
    boot_time since{};       // leaving
    boot_time not_before{};  // to be left again
    std::string successor{}; // the node that it is for
  };

  void on(beat_in& input);
  void on(taken_in& input);
  void on(adopted_in& input);
  void on(gave_up_in& input);
  void on(forgotten_in& input);
  void on(released_in& input);
  void on(fenced_in& input);
  void on(hint_in& input);
  void on(empty_in& input);
  void on(tick_in&) {}
  void hold_against(const std::vector<journal::held_shard>& renewed);
  void look_for_twin();
  void settle();
  void rebalance(const placement& now);
  void begin_to_leave(const std::vector<shard_move>& moves, const placement& now);
  void lose_patience();
  void lost(std::vector<shard_id> shards);
  void take(std::vector<shard_id> shards);
  void adopt(const std::vector<journal::taken_shard>& shards);
  void extend(boot_time asked);
  void tell_owners(placement now);
  placement placement_now() const;
  bool is_mine(const shard_state& which) const noexcept;
  bool gives_up() const;
  void beat_if_due();
  void arm();
  void log(log_severity severity, std::string_view id, std::string text);

  lease_settings settings_;
  std::vector<shard_state> shards_;
  std::optional<journal::cluster_view> view_;
  shard_owners owners_;
  std::optional<boot_time> beat_at_; // the last one that is not answered, or was answered
  bool beating_ = false;
  bool leaving_ = false;
  bool for_good_ = false;
  bool emptied_ = false;
  boot_time heard_{};
  std::optional<instant> twin_until_; // of another process of this name, which may be over
  boot_time until_{};
  bool over_told_ = false;
  counters counted_;
  std::optional<boot_time> armed_;

  moment now_{};
  std::vector<lease_effect>* out_ = nullptr;
};

} // namespace skein
