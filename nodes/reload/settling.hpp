// When a file that changes has come to rest: editors write in pieces, and what puts several files
// in place does so one after the other. Pure.
#pragma once

#include "protocol/time.hpp"

#include <optional>
#include <string>

namespace skein {

class settling {
 public:
  /// `stamp` is of the content that is known.
  explicit settling(std::string stamp) : known_{stamp}, seen_{std::move(stamp)} {}

  /// What the file looks like now: equal stamps mean an equal content. True once it differs from
  /// what was known and has stayed so for that long; from then on it is what is known.
  bool look(std::string stamp, boot_time now, duration settle);
  /// When to look again; empty: when something happens.
  std::optional<boot_time> next(duration settle) const;
  /// The content was read for another reason.
  void know(std::string stamp);
  /// It changed while it was read: it is to come to rest again, and then counts as changed.
  void changed(std::string stamp, boot_time now);

 private:
  std::string known_;
  std::string seen_;
  boot_time since_{}; // when it was first seen like that
};

} // namespace skein
