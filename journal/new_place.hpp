// The folder of a store that is made from elsewhere (restore, import): empty before, and a store
// only when all of it is there. What is made lies in DIR/unfinished until then.
#pragma once

#include "protocol/result.hpp"

#include <string>

namespace skein::journal {

class new_place {
 public:
  /// Makes the directory if it is absent. state_conflict if something is in it but what such a work
  /// that was stopped has left, which is removed.
  static result<new_place> make(const std::string& directory);
  /// Only looks whether make() would do.
  static result<void> check(const std::string& directory);
  /// What was made and not settled is removed, the directory too.
  ~new_place();
  new_place(new_place&& other) noexcept;
  new_place& operator=(new_place&&) = delete;

  /// Where the store is made.
  const std::string& folder() const noexcept { return folder_; }
  /// The store that lies there, closed, takes its place.
  result<void> settle();

 private:
  explicit new_place(const std::string& directory);
  std::string directory_;
  std::string folder_;
  bool is_new_ = false; // the directory, made here
};

} // namespace skein::journal
