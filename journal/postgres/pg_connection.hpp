// One connection to the server: statements prepared once, several in one round trip, nothing that
// waits for ever. Private to the engine. An error's text has the server's sentence and its
// SQLSTATE, never what was sent, and nothing of the URL.
#pragma once

#include "journal/postgres/pg_values.hpp"
#include "protocol/result.hpp"

#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skein::journal {

/// A statement and its name on the server. One of each in a program: constants.
struct pg_statement {
  const char* name;
  const char* sql;
};

struct pg_settings {
  std::string url;               // what libpq takes: "postgresql://..." or "host=... dbname=..."
  std::string schema;            // on the search path alone
  const char* purpose = "skein"; // its application_name
  duration answer_within = std::chrono::seconds{30}; // else the connection counts as lost
  duration idle_in_transaction = std::chrono::seconds{3};
};

class pg_connection {
 public:
  static result<pg_connection> open(const pg_settings& settings);
  pg_connection() = default;

  /// Statements without parameters, one after the other; rows of the last one, as text.
  result<pg_rows> run(const std::string& sql);
  result<pg_rows> execute(const pg_statement& which, const pg_params& params = {});
  /// One that is made up on the way.
  result<pg_rows> query(const std::string& sql, const pg_params& params = {});

  struct step {
    const pg_statement* which;
    const pg_params* params;
  };
  /// All in one round trip, each as a part of one transaction: after one that fails the others are
  /// not carried out, and nothing of them was. A transaction that one of them opened stays open.
  result<std::vector<pg_rows>> execute_all(std::span<const step> steps);
  result<std::vector<pg_rows>> execute_all(std::initializer_list<step> steps) {
    return execute_all(std::span{steps.begin(), steps.size()});
  }

  /// `body` between BEGIN and COMMIT; rolled back if it fails.
  template <class Body>
  result<void> transact(Body body, const char* begin = "BEGIN") {
    if (auto begun = run(begin); !begun)
      return begun.error();
    if (result<void> done = body(); !done) {
      roll_back();
      return done;
    }
    const auto committed = run("COMMIT");
    return committed ? result<void>{} : committed.error();
  }
  void roll_back();

  /// COPY ... FROM STDIN (FORMAT binary): `rows` without header and trailer.
  result<void> copy_in(const std::string& sql, std::string_view rows);

  /// Nothing can be sent any more; what was sent last may or may not have been carried out.
  bool is_lost() const noexcept { return lost_; }
  /// Of the last error that the server told; empty if it told none.
  const std::string& sqlstate() const noexcept { return state_; }
  /// The server said of a commit since the last call that it did not wait for its standby.
  bool take_commit_warning() noexcept { return std::exchange(*warned_, false); }
  /// The server's process.
  int backend() const { return PQbackendPID(raw_.get()); }

 private:
  struct close {
    void operator()(PGconn* raw) const { PQfinish(raw); }
  };

  result<void> prepare(const pg_statement& which, const pg_params& params);
  result<pg_rows> last_result();
  result<std::vector<pg_rows>> read_pipeline(std::size_t steps);
  result<void> flush();
  result<void> wait(bool for_writing);
  /// The next result; null at the end of a statement's.
  result<PGresult*> next();
  error failed(const PGresult* of);
  error lose(std::string why);
  void start_clock();

  std::unique_ptr<PGconn, close> raw_;
  std::unique_ptr<bool> warned_ = std::make_unique<bool>(false);
  std::set<std::string_view> prepared_;
  duration answer_within_{};
  std::chrono::steady_clock::time_point deadline_;
  std::string state_;
  bool lost_ = true;
};

} // namespace skein::journal
