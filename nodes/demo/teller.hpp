// What the demo tells: sentences and tables for people, or one JSON object a line for programs.
#pragma once

#include "nodes/demo/node_client.hpp"
#include "protocol/result.hpp"

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace skein::demo {

class teller {
 public:
  teller(std::ostream& out, std::ostream& err, bool as_lines)
    : out_{out}, err_{err}, as_lines_{as_lines} {}

  /// `what` and `facts` are for programs: {"told":what,"text":text,...facts}.
  void say(std::string_view what, const std::string& text, json facts = json::object());
  /// The rows are the facts' member `rows`; for people a table of their members.
  void table(std::string_view what, const std::vector<std::string>& members, const json& rows);
  /// A command that failed: its detail, and behind the last "; " what to do.
  void complain(const std::string& where, const error& problem);
  /// Only for people: what is about to happen, the prompt.
  void hint(const std::string& text);
  bool as_lines() const noexcept { return as_lines_; }

 private:
  std::ostream& out_;
  std::ostream& err_;
  bool as_lines_;
};

/// An error's detail, parted: what is wrong, and what to do (empty if it does not say).
struct parted_error {
  std::string why;
  std::string todo;
};
parted_error part(const error& problem);

} // namespace skein::demo
