// Errors on HTTP: RFC 9457 problem documents. One table maps each code that HTTP can return to its
// status and to what the sender should do; docs/http-api.md repeats it and a test compares them.
#pragma once

#include "nodes/http/http_response.hpp"
#include "protocol/error.hpp"
#include "protocol/time.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace skein {

struct problem_rule {
  errc code;
  int status;
  int retry_after_s; // when the error itself says nothing; 0 = none
  std::string_view advice;
};

/// nullptr: HTTP never returns this code.
const problem_rule* find_problem_rule(errc code) noexcept;

/// 500 for a code without a rule.
int status_of(errc code) noexcept;

struct problem_extras {
  std::string_view instance{}; // the path it is about; empty = none
  duration retry_after{0};
  std::string members{}; // more JSON members, each with a leading comma
  int status = 0;        // instead of the table's
};

/// {"type","title","status","code","detail"[,"instance"]...}. A code without a rule becomes
/// `internal`.
http_response make_problem(const error& problem, const problem_extras& extras = {});

} // namespace skein
