#include "nodes/bench/disk_limits.hpp"
#include "nodes/bench/process_time.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace skein::bench {

namespace {

constexpr std::size_t keys = 1'000;
constexpr std::size_t written_over_bytes = 32 << 20;

class plain_sqlite {
 public:
  plain_sqlite() = default;
  ~plain_sqlite() {
    sqlite3_finalize(insert_);
    sqlite3_finalize(remove_);
    sqlite3_close(db_);
  }
  plain_sqlite(const plain_sqlite&) = delete;
  plain_sqlite& operator=(const plain_sqlite&) = delete;

  result<void> open(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK)
      return failed();
    for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                            "CREATE TABLE e(id INTEGER PRIMARY KEY, k INTEGER, p BLOB)"})
      if (auto done = run(sql); !done)
        return done;
    if (auto done = prepare("INSERT INTO e VALUES(?, ?, ?)", insert_); !done)
      return done;
    return prepare("DELETE FROM e WHERE id = ?", remove_);
  }

  result<void> append(std::size_t first, std::size_t batch, const std::string& body) {
    if (auto done = run("BEGIN"); !done)
      return done;
    for (std::size_t i = first; i < first + batch; ++i) {
      sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(i));
      sqlite3_bind_int64(insert_, 2, static_cast<sqlite3_int64>(i % keys));
      sqlite3_bind_blob(insert_, 3, body.data(), static_cast<int>(body.size()), nullptr);
      if (auto done = step(insert_); !done)
        return done;
    }
    return run("COMMIT");
  }
  result<void> remove(std::size_t first, std::size_t batch) {
    if (auto done = run("BEGIN"); !done)
      return done;
    for (std::size_t i = first; i < first + batch; ++i) {
      sqlite3_bind_int64(remove_, 1, static_cast<sqlite3_int64>(i));
      if (auto done = step(remove_); !done)
        return done;
    }
    return run("COMMIT");
  }

 private:
  error failed() { return {errc::io_error, std::string{"SQLite: "} + sqlite3_errmsg(db_)}; }
  result<void> run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      return failed();
    return {};
  }
  result<void> prepare(const char* sql, sqlite3_stmt*& into) {
    if (sqlite3_prepare_v2(db_, sql, -1, &into, nullptr) != SQLITE_OK)
      return failed();
    return {};
  }
  result<void> step(sqlite3_stmt* which) {
    if (sqlite3_step(which) != SQLITE_DONE)
      return failed();
    sqlite3_reset(which);
    return {};
  }

  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
};

error file_error(const std::string& path) {
  return {errc::io_error, path + ": " + std::strerror(errno)};
}

} // namespace

result<batch_run> run_batches(std::size_t batch, run_limit until,
                              const std::function<result<void>(std::size_t first)>& step) {
  batch_run found;
  const double begin = seconds_now();
  const double cpu_begin = cpu_now();
  double last = begin;
  while (until.events - found.events >= batch && last - begin < until.seconds) {
    if (auto done = step(found.events); !done)
      return done.error();
    const double now = seconds_now();
    found.batch_ms.push_back((now - last) * 1e3);
    last = now;
    found.events += batch;
  }
  found.seconds = last - begin;
  found.cpu_seconds = cpu_now() - cpu_begin;
  std::sort(found.batch_ms.begin(), found.batch_ms.end());
  return found;
}

result<batch_run> write_and_sync(const std::string& folder, file_use use, std::size_t batch,
                                 std::size_t body_bytes, run_limit until) {
  const std::string path = folder + "/raw";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return file_error(path);
  const std::string bytes(batch * body_bytes, 'x');
  std::size_t at = 0;
  const auto write = [&]() -> result<void> {
    if (::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)) != std::ssize(bytes))
      return file_error(path);
    at += bytes.size();
    return {};
  };
  result<void> ready;
  if (use == file_use::written_over) {
    while (ready && at < written_over_bytes)
      ready = write();
    if (ready && ::fsync(fd) != 0)
      ready = file_error(path);
  }
  const std::size_t end = use == file_use::grows ? std::numeric_limits<std::size_t>::max() : at;
  at = 0;
  const auto step = [&](std::size_t) -> result<void> {
    if (at == end)
      at = 0;
    if (auto written = write(); !written)
      return written;
    return ::fdatasync(fd) == 0 ? result<void>{} : file_error(path);
  };
  auto found = ready ? run_batches(batch, until, step) : result<batch_run>{ready.error()};
  ::close(fd);
  std::filesystem::remove(path);
  return found;
}

result<batch_run> sqlite_insert_delete(const std::string& folder, std::size_t batch,
                                       std::size_t body_bytes, run_limit until) {
  const std::string path = folder + "/plain.db";
  plain_sqlite db;
  if (auto opened = db.open(path); !opened)
    return opened.error();
  const std::string body(body_bytes, 'x');
  auto found = run_batches(batch, until, [&](std::size_t first) -> result<void> {
    if (auto done = db.append(first, batch, body); !done)
      return done;
    return db.remove(first, batch);
  });
  for (const char* part : {"", "-wal", "-shm"})
    std::filesystem::remove(path + part);
  return found;
}

} // namespace skein::bench
