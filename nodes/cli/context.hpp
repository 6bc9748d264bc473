// What a command works with: where it reads and writes, the options that every command has, and the
// hook that runs a node.
#pragma once

#include "nodes/cli/cli.hpp"
#include "protocol/time.hpp"

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace skein::cli {

/// The process around a command; tests give their own.
struct surroundings {
  std::istream& in;
  std::ostream& out; // data, and nothing else
  std::ostream& err; // talk
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::function<std::optional<std::string>(const char* name)> environment;
  /// By which waits are measured; the process's own where it is empty.
  std::function<std::chrono::steady_clock::time_point()> now = {};
  /// By which times are told; the system's own where it is empty.
  std::function<instant()> wall_now = {};
};

enum class output_format { table, json, jsonl };

/// Options of every command, after the environment was looked at.
struct global_options {
  std::string server = "http://127.0.0.1:7411";
  std::string token_file;
  std::string ca_file;     // of https; empty: the system's authorities
  std::string client_cert; // likewise; empty: none
  output_format output = output_format::table;
  duration timeout = std::chrono::seconds{30}; // of one request
  bool yes = false;
  bool dry_run = false;
  bool no_color = false;
  bool no_headers = false;
};

struct context {
  surroundings& world;
  global_options global;
  const cli_hooks& hooks;
};

/// An error as a person reads it; empty parts are left out.
struct complaint {
  std::string what;    // "no node answers at http://127.0.0.1:7411"
  std::string why;     // "Connection refused"
  std::string todo;    // "start one with: skein dev"
  std::string code;    // stable: "unreachable", "not-found", a problem's code
  std::string note{};  // a line behind it: what else is to know
  std::string event{}; // the number that the words above name, for programs
};

/// To standard error: lines without control characters, or with -o json or jsonl one JSON object
/// {"error","why","try","code","note","event","exit"}. Returns `exit` so that a handler can return
/// it.
int complain(context& at, int exit, const complaint& problem);

/// A line of talk on standard error.
void say(context& at, std::string_view line);

} // namespace skein::cli
