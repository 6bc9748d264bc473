// What becomes of a configuration that a running node is offered: taken over as a whole, or refused
// as a whole, and why. Pure: the office reads the file, asks, carries it out, and says how that
// went.
//
//   offered --> the same                        --> nothing
//           --> invalid, or not for a running node --> refused: the node works on as before
//           --> another --> [apply] --> next generation; the one before is kept
#pragma once

#include "nodes/config/config_diff.hpp"
#include "nodes/config/load_config.hpp"
#include "nodes/reload/generations.hpp"
#include "protocol/error.hpp"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace skein {

/// Why the configuration is looked at; `by` of records and of the status.
namespace reload_by {
inline constexpr std::string_view start = "start";
inline constexpr std::string_view file = "file"; // it has changed
inline constexpr std::string_view signal = "signal";
} // namespace reload_by

struct refused_reload {
  instant at = no_instant;
  std::string by;
  error why;
};

struct reload_verdict {
  error refused;          // errc::none: it is not
  config_changes changes; // none: it says the same
  bool is_new() const { return refused.code == errc::none && !changes.empty(); }
};

class reload_core {
 public:
  /// What the node has started with, and what its folder has of before.
  reload_core(std::string node, loaded_config running, std::string text,
              std::optional<generations> kept, instant now);

  reload_verdict judge(const loaded_config& offered) const;

  /// What is to be kept before it is carried out.
  generations proposed(const loaded_config& offered, std::string text, std::string by,
                       instant now) const;
  /// It was carried out.
  void taken(loaded_config offered, generations now);
  /// It was not. `why` is shown until the next one that is not refused.
  void refused(std::string by, error why, instant now);
  /// It says the same as what is in force.
  void same() { refused_.reset(); }

  const loaded_config& running() const { return running_; }
  const generations& known() const { return known_; }
  const std::optional<refused_reload>& last_refused() const { return refused_; }

  /// What status shows. `file_hash` is of what stands in the file, if that is known: after a
  /// rollback it differs from what is in force.
  nlohmann::json view() const;
  void saw_file(std::string hash) { file_hash_ = std::move(hash); }

 private:
  std::string node_;
  loaded_config running_;
  generations known_;
  std::optional<refused_reload> refused_;
  std::string file_hash_;
};

} // namespace skein
