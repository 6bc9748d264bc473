// The folder of a store that is made from elsewhere (restore, import): empty before, and a store
// only when all of it is there. What is made lies in DIR/unfinished until then. Nobody else has the
// folder meanwhile: it is locked as a store is.
#pragma once

#include "journal/store_lock.hpp"
#include "protocol/result.hpp"

#include <memory>
#include <string>

namespace skein::journal {

class new_place {
 public:
  /// Makes the directory if it is absent. state_conflict if something is in it but what such a work
  /// that was stopped has left, which is removed; store_locked if a process has it.
  static result<new_place> make(const std::string& directory, duration lock_patience);
  /// Only looks whether make() would do.
  static result<void> check(const std::string& directory);
  /// What was made and not settled is removed, the directory too.
  ~new_place();
  new_place(new_place&& other) noexcept;
  new_place& operator=(new_place&&) = delete;

  /// Where the store is made.
  const std::string& folder() const noexcept { return folder_; }
  /// The store that lies there, closed, takes its place. state_conflict if something has come into
  /// the directory.
  result<void> settle();

 private:
  explicit new_place(const std::string& directory);
  std::string directory_;
  std::string folder_;
  bool is_new_ = false;   // the directory, made here
  bool had_lock_ = false; // the file was there before
  std::unique_ptr<store_lock> lock_;
};

/// store_unfinished if such a work was stopped in this directory before the store was there:
/// whoever began a new store in it would be in its way.
result<void> check_finished(const std::string& directory);

/// The same for who has the lock; what a work has left that was stopped after that is removed.
result<void> clear_finished(const std::string& directory);

} // namespace skein::journal
