#include "actors/access/access_reading.hpp"

#include "actors/arguments.hpp"
#include "actors/jobs/job_reading.hpp"

#include <nlohmann/json.hpp>

namespace skein {

using nlohmann::json;

namespace {

/// Before all keys of records.
constexpr std::string_view first_key = "/"; // behind it come the digits

struct audit_query {
  std::string behind{first_key};
  std::string before; // empty: to the end
  std::string by;     // empty: whoever
  std::size_t limit = limits::page_rows_default;
};

result<audit_query> read_query(std::string_view arguments, instant now) {
  const json words = json::parse(arguments, nullptr, false);
  if (!words.is_object())
    return error{errc::invalid_argument, "the arguments are no JSON object"};
  const auto limit = limit_of(words);
  const auto span = span_of(words, now);
  if (!limit || !span)
    return limit ? span.error() : limit.error();
  audit_query query;
  query.limit = *limit;
  query.by = said(words, "by");
  if (span->until != no_instant)
    query.behind = audit_key_of(span->until) + "~"; // behind all of that moment
  if (const std::string after = said(words, "after"); after > query.behind)
    query.behind = after;
  if (span->since != no_instant)
    query.before = audit_key_of(span->since) + "~";
  return query;
}

} // namespace

result<void> recover_tokens(journal::reader& reader, agent_no tokens, access_core& core) {
  return each_state(reader, tokens, {}, {}, [&](const std::string& name, const slice& text) {
    core.recover(name, text.view());
  });
}

old_records_in find_old_records(journal::reader& reader, agent_no audit,
                                const std::string& behind) {
  old_records_in found;
  const auto page = reader.states(audit, behind, {}, limits::audit_records_a_step);
  if (!page)
    return found; // the next look is in an hour
  for (const auto& [key, value] : page->states)
    found.keys.push_back(key);
  found.more = page->more;
  return found;
}

api_answer list_audit(journal::reader& reader, agent_no audit, std::string_view arguments,
                      instant now) {
  const auto query = read_query(arguments, now);
  if (!query)
    return {query.error().code, query.error().detail};
  std::string body = "{\"audit\":[";
  std::string behind = query->behind;
  std::size_t rows = 0, scanned = 0;
  bool more = true;
  while (more && rows < query->limit && scanned < limits::scan_budget_rows) {
    const auto page = reader.states(audit, behind, query->before, limits::page_rows_max);
    if (!page)
      return {page.error().code, page.error().detail};
    more = page->more;
    for (const auto& [key, value] : page->states) {
      behind = key;
      ++scanned;
      const auto record = read_audit(value.view());
      if (!record || (!query->by.empty() && record->who != query->by))
        continue;
      body.append(rows == 0 ? "" : ",").append(audit_page(*record));
      if (++rows == query->limit) {
        more = more || key != page->states.back().first;
        break;
      }
    }
  }
  body += "]";
  if (more)
    body += ",\"next\":\"" + behind + "\"";
  return {errc::none, body + "}"};
}

audit_record audit_of(const caller& by, std::string_view node, std::string_view operation,
                      std::string_view arguments, instant at) {
  return make_audit(by, node, operation, json::parse(arguments, nullptr, false), at);
}

bool may_have_changed(errc code) noexcept {
  return code == errc::none || code == errc::timed_out || code == errc::unknown_outcome ||
         code == errc::io_error || code == errc::internal;
}

} // namespace skein
