// The house rules that a program can see. Each takes a file's path in the repository and its text,
// and says what is wrong, a line each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace skein::tidy {

using problems = std::vector<std::string>;

/// protocol <- journal <- actors <- nodes: nobody includes against the arrow.
problems check_layers(std::string_view path, std::string_view text);
/// CAF lives in the shells, ZeroMQ in the broker.
problems check_libraries(std::string_view path, std::string_view text);
/// Cores and the protocol read no clock, draw no random numbers, log nothing, wait for nothing.
problems check_purity(std::string_view path, std::string_view text);
/// No actor has a thread of its own or blocks: the simulator runs them all in one.
problems check_actors(std::string_view path, std::string_view text);
/// Files of at most 600 lines, lines of at most 120 columns, functions of at most 70 lines.
problems check_sizes(std::string_view path, std::string_view text);
/// Tests assert something and wait for events, not for time.
problems check_tests(std::string_view path, std::string_view text);
/// No notes to oneself, no white space at the end of a line, no paths of one machine.
problems check_text(std::string_view path, std::string_view text);

} // namespace skein::tidy
