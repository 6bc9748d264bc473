// How to open a store on a PostgreSQL server that several nodes share.
#pragma once

#include "journal/background_thread.hpp"
#include "journal/journal.hpp"
#include "journal/lease_store.hpp"

#include <memory>
#include <string>

namespace skein::journal {

struct postgres_options {
  /// As libpq takes it, "postgresql://USER@HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE";
  /// passwords by a passfile, the environment or in it. Never part of an error.
  std::string url;
  std::string schema = "skein";  // made if it is absent
  std::string cluster = "skein"; // a store is of one cluster
  member_info who;               // who opens it; `boot` differs from opening to opening
  /// The operator's word that one copy on the server's disk is enough: no standby is asked for.
  bool single = false;
  open_options store;
  /// The server has so long for an answer, and is tried to be reached again for so long.
  duration answer_within = std::chrono::seconds{10};
  /// After it the server ends a transaction of a process that stands still, and frees its locks.
  duration idle_in_transaction = std::chrono::seconds{3};
  /// A shard's identities are closed into a bucket at so many, or after so long.
  std::size_t dedupe_bucket = 16'384;
  duration dedupe_bucket_time = std::chrono::minutes{10};
  /// Carries out what may take a while, on a connection of its own; empty = a thread of its own.
  job_runner run;
};

/// Errors: store_unreachable, store_not_durable, store_mismatch, store_version, invalid_argument,
/// clock_implausible, store_read_only, io_error. The engine owns no shard yet; see adopt().
result<std::unique_ptr<engine>> open_postgres(const postgres_options& options);

/// What the server's clock says; before open_postgres(). Errors as there.
result<instant> time_of_postgres(const postgres_options& options);

/// After open_postgres() has made the store. Connects anew by itself when the connection was lost.
result<std::unique_ptr<lease_store>> open_postgres_leases(const postgres_options& options);

} // namespace skein::journal
