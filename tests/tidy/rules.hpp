// The house rules that a program can see. Each takes a file's path in the repository and its text,
// and says what is wrong, a line each. Rules about how files fit together take all of them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace skein::tidy {

using problems = std::vector<std::string>;
using file_map = std::map<std::string, std::string>; // text by path

/// protocol <- journal <- actors <- nodes: nobody includes against the arrow.
problems check_layers(std::string_view path, std::string_view text);
/// CAF lives in the shells, ZeroMQ in the broker.
problems check_libraries(std::string_view path, std::string_view text);
/// Cores and the protocol read no clock, draw no random numbers, log nothing, wait for nothing.
problems check_purity(std::string_view path, std::string_view text);
/// No actor has a thread of its own, blocks, or asks anybody but its ports for time and chance: the
/// simulator runs them all in one thread, by seed.
problems check_actors(std::string_view path, std::string_view text);
/// Files of at most 600 lines, lines of at most 100 columns, functions of at most 70 lines.
problems check_sizes(std::string_view path, std::string_view text);
/// Tests assert something and wait for events, not for time. A script that pauses says why.
problems check_tests(std::string_view path, std::string_view text);

/// No notes to oneself, no white space at the end of a line.
problems check_text(std::string_view path, std::string_view text);
/// No path of one machine, no word about how the text came about.
problems check_words(std::string_view path, std::string_view text);
/// Lines of README.md and of docs/ have at most 140 columns, but for rows of tables, addresses and
/// what is shown as it is.
problems check_page_width(std::string_view path, std::string_view text);
/// What a page links to is there: files, headings, and the paths it names in `code`.
problems check_links(std::string_view path, const file_map& files,
                     const std::function<bool(const std::string&)>& exists);
/// Every source is in the CMakeLists.txt of its folder, or in another one with its folder's name; a
/// folder that has a CMakeLists.txt is added by the one above.
problems check_built(const file_map& files);
/// Every code of protocol/error.cpp is explained on the page, in a row `| when | code | what |`.
problems check_error_codes(std::string_view error_source, std::string_view page);
/// Every code that a page names in such a row, as a problem's `"code"`, or behind an HTTP status or
/// an exit status, is one of protocol/error.cpp.
problems check_named_codes(std::string_view error_source, std::string_view path,
                           std::string_view page);

} // namespace skein::tidy
