#include "nodes/agents/answer.hpp"

#include "nodes/agents/text.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "protocol/utf8.hpp"

#include <simdjson.h>

#include <optional>

namespace skein {

namespace {

namespace od = simdjson::ondemand;

// "17-42.AGENT/ATTEMPT" with room to spare; a longer value names no turn.
constexpr std::size_t turn_name_bytes_max = 256;

struct mistake {
  mistake(std::string what) : text{std::move(what)} {}
  mistake(const char* what) : text{what} {}
  mistake(errc which, std::string what) : code{which}, text{std::move(what)} {}

  errc code = errc::agent_output_invalid;
  std::string text;
  bool noise = false; // no JSON object at all
};
using problem = std::optional<mistake>; // empty: fine

/// The members as they were written.
struct raw_members {
  std::optional<std::string> turn;
  std::optional<std::string_view> reply;
  std::optional<std::string> reply_text; // of a reply that is a string
  std::optional<std::string_view> emit;
  std::optional<std::string_view> state;
  std::optional<std::string_view> error;
  std::optional<std::string_view> sleep;
};

mistake noise(std::string what) {
  mistake made{std::move(what)};
  made.noise = true;
  return made;
}

mistake broken(simdjson::error_code code) {
  return noise(std::string{"not valid JSON: "} + simdjson::error_message(code));
}

// The text of any value; simdjson has it for objects, arrays and single tokens apart.
simdjson::error_code raw_text(od::value value, std::string_view& out) {
  const simdjson::error_code failed = simdjson::to_json_string(value).get(out);
  out = trimmed(out);
  return failed;
}

template <class T>
problem once(std::optional<T>& slot, T value, std::string_view name) {
  if (slot)
    return {"\"" + std::string{name} + "\" twice"};
  slot = std::move(value);
  return {};
}

problem read_string(od::value value, std::string_view name, std::string& out) {
  std::string_view text;
  if (value.get_string().get(text))
    return "\"" + std::string{name} + "\" must be a string";
  out = text;
  return {};
}

problem take_member(std::string_view name, od::value value, raw_members& members) {
  if (name == "turn") {
    std::string text;
    if (problem wrong = read_string(value, name, text))
      return wrong;
    return once(members.turn, std::move(text), name);
  }
  od::json_type type{};
  if (value.type().get(type))
    return "\"" + std::string{name} + "\" has no value";
  if (name == "reply" && type == od::json_type::string) {
    std::string text;
    if (problem wrong = read_string(value, name, text))
      return wrong;
    if (members.reply)
      return "\"reply\" twice";
    return once(members.reply_text, std::move(text), name);
  }
  std::string_view raw;
  if (const auto failed = raw_text(value, raw))
    return broken(failed);
  if (name == "reply")
    return members.reply_text ? problem{"\"reply\" twice"} : once(members.reply, raw, name);
  if (name == "emit")
    return once(members.emit, raw, name);
  if (name == "state")
    return once(members.state, raw, name);
  if (name == "error")
    return once(members.error, raw, name);
  if (name == "sleep")
    return once(members.sleep, raw, name);
  return "unknown member \"" + printable(name, 64) +
         "\"; known are turn, reply, emit, state, error, sleep";
}

problem read_members(od::parser& parser, std::string_view line, raw_members& members) {
  od::document document;
  if (const auto failed =
          parser.iterate(line, line.size() + simdjson::SIMDJSON_PADDING).get(document))
    return broken(failed);
  od::object object;
  if (const auto failed = document.get_object().get(object))
    return failed == simdjson::INCORRECT_TYPE ? noise("not a JSON object") : broken(failed);
  std::string_view whole;
  if (const auto failed = object.raw_json().get(whole))
    return broken(failed);
  if (trimmed(whole).size() != trimmed(line).size())
    return noise("more than one JSON value");
  if (const auto failed = object.reset().error())
    return broken(failed);
  for (auto entry : object) {
    od::field field;
    std::string_view name;
    if (const auto failed = std::move(entry).get(field))
      return broken(failed);
    if (const auto failed = field.unescaped_key().get(name))
      return broken(failed);
    // The name lies in memory the parser uses again for the next string.
    if (problem wrong = take_member(std::string{name}, field.value(), members))
      return wrong;
  }
  return {};
}

problem read_error_member(od::parser& parser, std::string_view raw, turn_report& report) {
  const simdjson::padded_string text{raw};
  od::document document;
  od::object object;
  if (parser.iterate(text).get(document) || document.get_object().get(object))
    return "\"error\" must be an object";
  std::string kind;
  std::string after;
  for (auto entry : object) {
    od::field field;
    std::string_view name;
    if (std::move(entry).get(field) || field.unescaped_key().get(name))
      return "\"error\" is not valid JSON";
    const std::string key{name};
    if (key != "kind" && key != "message" && key != "after")
      return "unknown member \"" + printable(key, 64) +
             "\" in \"error\"; known are kind, message, after";
    std::string& slot = key == "kind" ? kind : key == "after" ? after : report.error;
    if (problem wrong = read_string(field.value(), "error." + key, slot))
      return wrong;
  }
  if (kind != "retry" && kind != "fail")
    return "\"error.kind\" must be \"retry\" or \"fail\"";
  report.error = cut_utf8(report.error, limits::error_text_bytes_max);
  report.verdict = kind == "retry" ? turn_verdict::failed : turn_verdict::rejected;
  report.code = kind == "retry" ? errc::agent_failed : errc::agent_rejected;
  if (after.empty())
    return {};
  const std::optional<duration> wait = parse_duration(after);
  if (!wait)
    return "\"error.after\" must be a duration such as \"5s\"";
  report.retry_after = *wait;
  return {};
}

problem read_emits(od::parser& parser, std::string_view raw, turn_report& report) {
  const simdjson::padded_string text{raw};
  od::document document;
  od::array array;
  if (parser.iterate(text).get(document) || document.get_array().get(array))
    return "\"emit\" must be an array of events";
  for (auto entry : array) {
    od::value value;
    std::string_view member;
    if (std::move(entry).get(value) || raw_text(value, member))
      return "\"emit\" is not valid JSON";
    if (report.emits.size() == limits::emits_per_turn_max)
      return mistake{errc::too_many_emits, "more than " +
                                               std::to_string(limits::emits_per_turn_max) +
                                               " events in \"emit\""};
    result<event> emitted = read_emit(member);
    if (!emitted)
      return "\"emit\" " + std::to_string(report.emits.size()) + ": " + emitted.error().detail;
    report.emits.push_back(std::move(emitted).value());
  }
  return {};
}

bool is_given(const std::optional<std::string_view>& member) { return member && *member != "null"; }

/// One that sleeps has no other effect than its state: what it would reply or emit belongs to the
/// turn that ends the delivery.
problem read_sleep(const raw_members& members, turn_report& report) {
  std::string others;
  if (members.reply_text || is_given(members.reply))
    others += " \"reply\"";
  if (is_given(members.emit))
    others += " \"emit\"";
  if (is_given(members.error))
    others += " \"error\"";
  if (!others.empty())
    return "\"sleep\" goes with no other member than \"state\", but there is" + others;
  std::string_view text = *members.sleep;
  const bool is_text = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  const auto time =
      is_text ? parse_duration(text.substr(1, text.size() - 2)) : std::optional<duration>{};
  if (!time && !(is_text && is_far_duration(text.substr(1, text.size() - 2))))
    return "\"sleep\" must be a duration such as \"10m\"";
  if (!time || *time > limits::sleep_max || *time <= duration{0})
    return "\"sleep\" must be longer than 0 and at most " + format_duration(limits::sleep_max);
  report.verdict = turn_verdict::slept;
  report.retry_after = *time;
  return {};
}

problem read_reply(raw_members& members, turn_report& report) {
  if (members.reply_text) {
    report.reply_kind = data_kind::text;
    report.reply = std::move(*members.reply_text);
  } else if (is_given(members.reply)) {
    if (const auto checked = check_json(*members.reply); !checked)
      return "\"reply\": " + checked.error().detail;
    report.reply_kind = data_kind::json;
    report.reply = *members.reply;
  }
  if (report.reply.size() > limits::reply_bytes_max)
    return "\"reply\" is over " + std::to_string(limits::reply_bytes_max) + " bytes";
  return {};
}

problem read_effects(od::parser& parser, raw_members& members, turn_report& report) {
  if (problem wrong = read_reply(members, report))
    return wrong;
  if (members.state && *members.state == "null") {
    report.deletes_state = true;
  } else if (members.state) {
    if (members.state->size() > limits::state_bytes_max)
      return mistake{errc::state_too_large,
                     "\"state\" is over " + std::to_string(limits::state_bytes_max) + " bytes"};
    if (const auto checked = check_json(*members.state); !checked)
      return "\"state\": " + checked.error().detail;
    report.sets_state = true;
    report.state = *members.state;
  }
  if (is_given(members.emit))
    return read_emits(parser, *members.emit, report);
  return {};
}

problem read_all(od::parser& outer, od::parser& inner, std::string_view text, raw_members& members,
                 turn_report& report) {
  if (problem wrong = read_members(outer, text, members))
    return wrong;
  if (is_given(members.sleep))
    if (problem wrong = read_sleep(members, report))
      return wrong;
  if (is_given(members.error))
    return read_error_member(inner, *members.error, report);
  return read_effects(inner, members, report);
}

} // namespace

struct answer_reader::parser_state {
  od::parser line;
  od::parser member;
};

answer_reader::answer_reader() : parser_{std::make_unique<parser_state>()} {}
answer_reader::~answer_reader() = default;

agent_answer answer_reader::read(std::string_view line) {
  agent_answer answer;
  raw_members members;
  problem wrong = read_all(parser_->line, parser_->member, line, members, answer.report);
  if (!wrong && members.turn) {
    answer.is = answer_kind::answer;
    answer.turn = *std::move(members.turn);
    return answer;
  }
  if (members.turn) {
    answer.turn = *std::move(members.turn);
  } else {
    turn_finder finder;
    finder.feed(line);
    answer.turn = finder.found();
  }
  if (!wrong)
    wrong = noise("it names no \"turn\"");
  if (!wrong->noise && !answer.turn.empty())
    answer.is = answer_kind::mistake;
  answer.report = invalid_output(std::move(wrong->text), wrong->code);
  return answer;
}

turn_report answer_reader::read_effects_of(std::string_view text) {
  turn_report report;
  raw_members members;
  if (problem wrong = read_all(parser_->line, parser_->member, text, members, report))
    return invalid_output(std::move(wrong->text), wrong->code);
  return report;
}

turn_report invalid_output(std::string problem, errc code) {
  turn_report report;
  report.verdict = turn_verdict::rejected;
  report.code = code;
  report.error = cut_utf8(problem, limits::error_text_bytes_max);
  return report;
}

void turn_finder::feed(std::string_view piece) {
  for (const char byte : piece) {
    if (!found_.empty())
      return;
    if (in_string_) {
      string_byte(byte);
      continue;
    }
    switch (byte) {
      case '"':
        in_string_ = true;
        text_.clear();
        break;
      case '{':
      case '[':
        ++depth_;
        expects_name_ = depth_ == 1 && byte == '{';
        break;
      case '}':
      case ']':
        depth_ -= depth_ > 0 ? 1u : 0u;
        break;
      case ',':
        expects_name_ = expects_name_ || depth_ == 1;
        names_turn_ = names_turn_ && depth_ != 1;
        break;
      default:
        break;
    }
  }
}

void turn_finder::string_byte(char byte) {
  if (!escaped_ && byte == '"') {
    in_string_ = false;
    end_of_string();
    return;
  }
  escaped_ = !escaped_ && byte == '\\';
  if (depth_ == 1 && text_.size() <= turn_name_bytes_max)
    text_ += byte;
}

void turn_finder::end_of_string() {
  if (depth_ != 1)
    return;
  if (expects_name_) {
    names_turn_ = text_ == "turn";
    expects_name_ = false;
  } else if (names_turn_ && text_.size() <= turn_name_bytes_max) {
    found_ = text_;
  }
}

} // namespace skein
