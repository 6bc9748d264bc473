// Tells that something happens where a file lies: in the folder of its name, and of every name that
// a link leads to. It tells of too much rather than of too little; whether the file has changed is
// for its stamp to say. What lies on a network, or beneath folders that are moved, may change
// without a word: who must know looks by itself now and then.
#pragma once

#include "protocol/unique_fd.hpp"

#include <string>
#include <vector>

namespace skein {

/// The path and what links of its own lead to, one after the other: at most as many as a system
/// follows.
std::vector<std::string> names_of_file(const std::string& path);

/// Of the file that the path leads to now, and of its content: another whenever that may be
/// another. Empty: there is no file.
std::string stamp_of_file(const std::string& path);

class file_watch {
 public:
  /// Where the system gives no watch it never tells anything.
  explicit file_watch(std::string path);

  /// Readable when something has happened; -1: never.
  int fd() const { return notify_ ? notify_.get() : -1; }
  /// After that, or once in a while: forgets what happened, and watches where the file lies now.
  void renew();

 private:
  std::string path_;
  unique_fd notify_;
  std::vector<int> watches_;
};

} // namespace skein
