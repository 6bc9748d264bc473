#include "journal/postgres/pg_connection.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace skein::journal {

namespace {

/// Warnings are told by their code: their words depend on the server's language. 01000 at a commit:
/// it did not wait until its standby had it.
void note_warning(void* warned, const PGresult* notice) {
  const char* state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
  if (state != nullptr && std::string_view{state} == "01000")
    *static_cast<bool*>(warned) = true;
}

errc code_of(std::string_view sqlstate) {
  if (sqlstate == "53100")
    return errc::disk_full;
  if (sqlstate == "55P03" || sqlstate == "57014") // it waited too long for a lock
    return errc::store_locked;
  if (sqlstate == "25006") // a standby, or a database that is read-only
    return errc::store_read_only;
  return errc::io_error;
}

std::string milliseconds(duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

} // namespace

result<pg_connection> pg_connection::open(const pg_settings& settings) {
  // The words of what is wrong with a URL may be a password that stands in the wrong place.
  char* problem = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(settings.url.c_str(), &problem);
  PQfreemem(problem);
  if (parsed == nullptr)
    return error{errc::invalid_argument,
                 "the database's URL is not one that libpq takes: "
                 "postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"};
  PQconninfoFree(parsed);
  const std::string options =
      "-c lock_timeout=" + milliseconds(settings.answer_within) +
      " -c statement_timeout=" + milliseconds(settings.answer_within) +
      " -c idle_in_transaction_session_timeout=" + milliseconds(settings.idle_in_transaction) +
      " -c client_min_messages=warning -c bytea_output=hex"
      " -c standard_conforming_strings=on";
  const char* const keys[] = {"dbname",
                              "options",
                              "fallback_application_name",
                              "connect_timeout",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              nullptr};
  const char* const values[] = {
      settings.url.c_str(), options.c_str(), settings.purpose, "5", "5", "2", "3", nullptr};
  pg_connection made;
  made.answer_within_ = settings.answer_within;
  made.raw_.reset(PQconnectdbParams(keys, values, 1));
  if (PQstatus(made.raw_.get()) != CONNECTION_OK) {
    std::string why = made.raw_ ? PQerrorMessage(made.raw_.get()) : "out of memory";
    while (!why.empty() && why.back() == '\n')
      why.pop_back();
    return error{errc::store_unreachable, why};
  }
  PQsetNoticeReceiver(made.raw_.get(), note_warning, made.warned_.get());
  PQsetnonblocking(made.raw_.get(), 1);
  made.lost_ = false;
  if (!settings.schema.empty()) {
    char* name =
        PQescapeIdentifier(made.raw_.get(), settings.schema.data(), settings.schema.size());
    const auto pinned = made.run(std::string{"SET search_path TO "} + (name ? name : "\"\""));
    PQfreemem(name);
    if (!pinned)
      return pinned.error();
  }
  return made;
}

void pg_connection::start_clock() {
  state_.clear();
  deadline_ = std::chrono::steady_clock::now() + answer_within_;
}

error pg_connection::lose(std::string why) {
  lost_ = true;
  while (!why.empty() && why.back() == '\n')
    why.pop_back();
  return {errc::io_error, "the connection to the database is lost: " + why};
}

/// Only the sentence: the details may quote what was sent.
error pg_connection::failed(const PGresult* of) {
  const char* state = PQresultErrorField(of, PG_DIAG_SQLSTATE);
  const char* words = PQresultErrorField(of, PG_DIAG_MESSAGE_PRIMARY);
  state_ = state == nullptr ? "" : state;
  if (PQstatus(raw_.get()) != CONNECTION_OK)
    return lose(words == nullptr ? PQerrorMessage(raw_.get()) : words);
  return {code_of(state_), std::string{"the database: "} +
                               (words == nullptr ? "no result" : words) + " (" + state_ + ")"};
}

result<void> pg_connection::wait(bool for_writing) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0)
      return lose("no answer in time");
    pollfd what{PQsocket(raw_.get()), static_cast<short>(POLLIN | (for_writing ? POLLOUT : 0)), 0};
    const int ready =
        ::poll(&what, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR)
      return lose("poll fails");
    if (ready <= 0)
      continue;
    if ((what.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(raw_.get()) == 0)
      return lose(PQerrorMessage(raw_.get()));
    return {};
  }
}

result<void> pg_connection::flush() {
  while (true) {
    const int left = PQflush(raw_.get());
    if (left == 0)
      return {};
    if (left < 0)
      return lose(PQerrorMessage(raw_.get()));
    if (auto ready = wait(true); !ready)
      return ready;
  }
}

result<PGresult*> pg_connection::next() {
  while (PQisBusy(raw_.get()) != 0)
    if (auto ready = wait(false); !ready)
      return ready.error();
  return PQgetResult(raw_.get());
}

/// The last result of what was sent; the first error among them.
result<pg_rows> pg_connection::last_result() {
  if (auto sent = flush(); !sent)
    return sent.error();
  pg_rows rows;
  error problem;
  while (true) {
    const auto one = next();
    if (!one)
      return one.error();
    if (*one == nullptr)
      break;
    pg_rows got{*one};
    const ExecStatusType status = PQresultStatus(got.raw());
    if (status == PGRES_COPY_IN)
      return got;
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && problem.code == errc::none)
      problem = failed(got.raw());
    if (lost_)
      return problem;
    rows = std::move(got);
  }
  return problem.code == errc::none ? result<pg_rows>{std::move(rows)} : problem;
}

result<pg_rows> pg_connection::run(const std::string& sql) {
  if (lost_)
    return lose("it was lost before");
  start_clock();
  if (PQsendQuery(raw_.get(), sql.c_str()) == 0)
    return lose(PQerrorMessage(raw_.get()));
  return last_result();
}

result<pg_rows> pg_connection::query(const std::string& sql, const pg_params& params) {
  if (lost_)
    return lose("it was lost before");
  start_clock();
  const auto view = params.for_libpq();
  if (PQsendQueryParams(raw_.get(), sql.c_str(), view.count(), view.types.data(),
                        view.values.data(), view.lengths.data(), view.formats.data(), 1) == 0)
    return lose(PQerrorMessage(raw_.get()));
  return last_result();
}

/// With the types that are sent, not those that the server would guess: it would take the bytes of
/// one for those of the other.
result<void> pg_connection::prepare(const pg_statement& which, const pg_params& params) {
  if (prepared_.contains(which.name))
    return {};
  start_clock();
  const auto view = params.for_libpq();
  if (PQsendPrepare(raw_.get(), which.name, which.sql, view.count(), view.types.data()) == 0)
    return lose(PQerrorMessage(raw_.get()));
  const auto done = last_result();
  if (!done)
    return done.error();
  prepared_.insert(which.name);
  return {};
}

result<pg_rows> pg_connection::execute(const pg_statement& which, const pg_params& params) {
  if (lost_)
    return lose("it was lost before");
  if (auto ready = prepare(which, params); !ready)
    return ready.error();
  start_clock();
  const auto view = params.for_libpq();
  if (PQsendQueryPrepared(raw_.get(), which.name, view.count(), view.values.data(),
                          view.lengths.data(), view.formats.data(), 1) == 0)
    return lose(PQerrorMessage(raw_.get()));
  return last_result();
}

result<std::vector<pg_rows>> pg_connection::execute_all(std::span<const step> steps) {
  if (lost_)
    return lose("it was lost before");
  const pg_params none;
  for (const step& each : steps)
    if (auto ready = prepare(*each.which, each.params == nullptr ? none : *each.params); !ready)
      return ready.error();
  start_clock();
  if (PQenterPipelineMode(raw_.get()) == 0)
    return lose(PQerrorMessage(raw_.get()));
  for (const step& each : steps) {
    const auto view = (each.params == nullptr ? none : *each.params).for_libpq();
    if (PQsendQueryPrepared(raw_.get(), each.which->name, view.count(), view.values.data(),
                            view.lengths.data(), view.formats.data(), 1) == 0)
      return lose(PQerrorMessage(raw_.get()));
  }
  if (PQpipelineSync(raw_.get()) == 0)
    return lose(PQerrorMessage(raw_.get()));
  if (auto sent = flush(); !sent)
    return sent.error();
  return read_pipeline(steps.size());
}

result<std::vector<pg_rows>> pg_connection::read_pipeline(std::size_t steps) {
  std::vector<pg_rows> all;
  error problem;
  while (true) {
    const auto one = next();
    if (!one)
      return one.error();
    if (*one == nullptr)
      continue; // the end of a statement's results
    pg_rows got{*one};
    const ExecStatusType status = PQresultStatus(got.raw());
    if (status == PGRES_PIPELINE_SYNC)
      break;
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
        status != PGRES_PIPELINE_ABORTED && problem.code == errc::none)
      problem = failed(got.raw());
    if (lost_)
      return problem;
    all.push_back(std::move(got));
  }
  if (PQexitPipelineMode(raw_.get()) == 0)
    return lose(PQerrorMessage(raw_.get()));
  if (problem.code != errc::none)
    return problem;
  SKEIN_CHECK(all.size() == steps);
  return all;
}

void pg_connection::roll_back() {
  const std::string state = state_;
  if (!lost_ && PQtransactionStatus(raw_.get()) != PQTRANS_IDLE && !run("ROLLBACK"))
    static_cast<void>(lose("it does not roll back"));
  state_ = state;
}

result<void> pg_connection::copy_in(const std::string& sql, std::string_view rows) {
  constexpr std::string_view head{"PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19};
  constexpr std::string_view tail{"\377\377", 2};
  constexpr std::size_t piece = 1 << 20;
  const auto begun = run(sql);
  if (!begun)
    return begun.error();
  const auto put = [this](std::string_view bytes) -> result<void> {
    while (true) {
      const int taken = PQputCopyData(raw_.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (taken > 0)
        return {};
      if (taken < 0)
        return lose(PQerrorMessage(raw_.get()));
      if (auto ready = flush(); !ready)
        return ready;
    }
  };
  if (auto done = put(head); !done)
    return done;
  for (; !rows.empty(); rows.remove_prefix(std::min(piece, rows.size())))
    if (auto done = put(rows.substr(0, piece)); !done)
      return done;
  if (auto done = put(tail); !done)
    return done;
  while (PQputCopyEnd(raw_.get(), nullptr) == 0)
    if (auto ready = flush(); !ready)
      return ready;
  const auto ended = last_result();
  return ended ? result<void>{} : ended.error();
}

} // namespace skein::journal
