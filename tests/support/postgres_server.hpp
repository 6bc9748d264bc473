// A PostgreSQL server of the tests' own: made with the first test that asks for it, on a socket in
// a folder of its own, and ended with the program. One a program.
#pragma once

#include <string>
#include <vector>

namespace skein::test {

class postgres_server {
 public:
  /// Whether its programs are installed; else tests that need it are left out, and say so.
  static bool is_installed();
  static postgres_server& shared();

  /// In a new folder below this one, with settings of its own ("name=value").
  explicit postgres_server(const std::string& below, std::vector<std::string> settings = {});
  ~postgres_server();

  /// How to reach it, for libpq.
  const std::string& url() const noexcept { return url_; }
  /// A name that no schema has.
  std::string new_schema();
  /// Carries out SQL; the first column of the first row as text. Must succeed.
  std::string run(const std::string& sql);
  /// The same, and what goes wrong is no matter.
  void try_run(const std::string& sql);

  /// Stops it as a power cut of its processes would, and starts it again.
  void crash();
  void start();

  postgres_server(const postgres_server&) = delete;
  postgres_server& operator=(const postgres_server&) = delete;

 private:
  std::vector<std::string> settings_;
  std::string directory_;
  std::string url_;
  int pid_ = 0;
  int schemas_ = 0;
};

} // namespace skein::test
