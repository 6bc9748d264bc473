#include "nodes/cli/exit_codes.hpp"

#include <array>

namespace skein::cli {

namespace {

constexpr std::array rows{
    exit_code_row{exit_code::done, "done"},
    exit_code_row{exit_code::failed,
                  "failed; of send --wait: the event is dead, cancelled or expired"},
    exit_code_row{exit_code::usage, "wrong usage: an option, an argument or what was sent"},
    exit_code_row{exit_code::not_found, "not found"},
    exit_code_row{exit_code::not_allowed, "not allowed"},
    exit_code_row{exit_code::conflict, "conflict: the id is taken, or the state has moved on"},
    exit_code_row{exit_code::unhealthy,
                  "unhealthy: the node is not ready or its counts do not agree"},
    exit_code_row{exit_code::unreachable, "no node reachable, or it went away before its answer"},
    exit_code_row{exit_code::store_failed,
                  "of dev and start: the store failed; start again to read it"},
    exit_code_row{
        exit_code::busy,
        "busy, try again later; of dev and start: the drain had to cut turns off at its deadline"},
    exit_code_row{exit_code::timed_out, "time is up; of send --wait: the event goes on"},
    exit_code_row{exit_code::interrupted, "interrupted by Ctrl-C"},
};

} // namespace

std::span<const exit_code_row> exit_codes() { return rows; }

int exit_code_of_status(unsigned status) {
  switch (status) {
    case 400:
    case 405:
    case 411:
    case 413:
    case 414:
    case 415:
    case 422:
    case 431:
      return exit_code::usage;
    case 401:
    case 403:
    case 407:
    case 421:
      return exit_code::not_allowed;
    case 404:
    case 410:
      return exit_code::not_found;
    case 409:
    case 412:
      return exit_code::conflict;
    case 408:
    case 504:
      return exit_code::timed_out;
    case 429:
    case 503:
      return exit_code::busy;
    default:
      return status >= 200 && status < 300 ? exit_code::done : exit_code::failed;
  }
}

} // namespace skein::cli
