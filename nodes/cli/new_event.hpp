// The event that `skein send` makes from its options.
#pragma once

#include "protocol/event.hpp"
#include "protocol/result.hpp"

#include <optional>
#include <string>

namespace skein::cli {

struct event_options {
  std::optional<std::string> text = {};      // the data
  std::optional<std::string> data_file = {}; // or a file; "-" is standard input
  std::optional<std::string> key = {};
  std::optional<std::string> type = {};
  std::optional<std::string> source = {};
  std::optional<std::string> id = {};
  std::optional<std::string> due = {};
  std::optional<std::string> expires = {};
  std::optional<std::string> priority = {};
  std::optional<std::string> content_type = {};
  std::optional<std::string> broadcast = {}; // nodes, loops: one of the type for each of these
};

/// `data` is the text or what the file held. Without options: type skein.message, source
/// skein/cli/HOST, a random id; the data is JSON if it came from a file and is JSON, text if it is
/// UTF-8, else bytes. The event is checked as the node will check it.
result<event> make_event(const event_options& options, std::string data);

/// Random, version 4.
std::string random_uuid();

} // namespace skein::cli
