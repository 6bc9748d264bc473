// A PostgreSQL server of the demo's own: in its folder, on a socket alone, ended with the demo
// however that ends. Root may not run one: then it is the user "postgres", or "nobody".
#pragma once

#include "protocol/result.hpp"

#include <sys/types.h>

#include <memory>
#include <string>

namespace skein::demo {

/// The folder of the newest server's programs, in PATH or where Debian has them; empty: none.
std::string find_postgres();

class own_postgres {
 public:
  /// Makes a new database in `folder`, which must not be there, with its socket in `sockets`.
  /// Called on the thread that lives as long as the server is to.
  static result<std::unique_ptr<own_postgres>>
  start(const std::string& programs, const std::string& folder, const std::string& sockets);
  ~own_postgres();
  own_postgres(const own_postgres&) = delete;
  own_postgres& operator=(const own_postgres&) = delete;

  const std::string& url() const noexcept { return url_; }
  const std::string& log() const noexcept { return log_; }
  pid_t pid() const noexcept { return pid_; }

 private:
  own_postgres() = default;
  std::string url_;
  std::string log_;
  pid_t pid_ = -1;
};

} // namespace skein::demo
