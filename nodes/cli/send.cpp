// skein send: publish one event, and with --wait follow it to its end.
#include "nodes/cli/commands.hpp"
#include "nodes/cli/event_page.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/new_event.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/read_input.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/ids.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

constexpr duration wait_default = std::chrono::seconds{30};
constexpr duration wait_max = std::chrono::hours{24};

struct send_options {
  event_options event;
  std::optional<duration> wait;
};

/// Empty when the data cannot be read, which is told.
std::optional<std::string> read_data(context& at, const event_options& options) {
  return options.text ? *options.text : read_input(at, *options.data_file);
}

bool has_state(const json& looked_up) {
  const auto found = looked_up.find("state");
  return found != looked_up.end() && found->is_string();
}

/// Whether a look-up says that nothing more will become of the event.
bool has_ended(const json& looked_up) {
  const std::string state = cell_of(looked_up, "state");
  return has_state(looked_up) && state != "pending" && state != "running" && state != "retrying";
}

/// The number that a row names; empty if it names none.
std::string event_in(const json& row) {
  const std::string number = cell_of(row, "event");
  return parse_event_id(number) ? number : std::string{};
}

/// The first row of an acceptance; null if it has none.
json first_accepted(const json& body) {
  const auto list = body.find("accepted");
  return list != body.end() && list->is_array() && !list->empty() ? list->front() : json{};
}

/// One event's way: published once, then followed by its number. Publishing it again would find it
/// only as long as the node remembers its identity, and run it a second time after that.
class sending {
 public:
  sending(context& at, const event& sent) : at_{at}, sent_{sent}, body_{write_structured(sent)} {}

  int publish() {
    int exit = exit_code::done;
    const auto accepted = accept(exit);
    return accepted ? print_accepted(*accepted) : exit;
  }

  int publish_and_wait(duration wait) {
    const auto until = now() + wait;
    int exit = exit_code::done;
    if (!accept(exit))
      return exit;
    const auto end = follow(wait, until, exit);
    return end ? print_outcome(*end) : exit;
  }

 private:
  using time_point = std::chrono::steady_clock::time_point;

  time_point now() const {
    return at_.world.now ? at_.world.now() : std::chrono::steady_clock::now();
  }

  /// Publishes, and keeps the number; the first row of the acceptance. Empty when there is none,
  /// which is told; `exit` then says how to end.
  std::optional<json> accept(int& exit) {
    const auto answer = ask({"POST",
                             "/v1/events",
                             {{"Content-Type", "application/cloudevents+json; charset=UTF-8"}},
                             body_},
                            at_.global.timeout, exit);
    if (!answer)
      return std::nullopt;
    json accepted = first_accepted(*answer);
    event_ = event_in(accepted);
    if (!event_.empty())
      return accepted;
    exit = refuse_answer();
    return std::nullopt;
  }

  /// The look-up that says how the accepted event ended. Empty when the wait ended before, which is
  /// told; `exit` then says how to end.
  std::optional<json> follow(duration wait, time_point until, int& exit) {
    for (duration left = wait; left > duration{0}; left = until - now()) {
      // Whole milliseconds, as durations are written.
      const auto part = std::min<duration>(std::chrono::ceil<std::chrono::milliseconds>(left),
                                           limits::http_wait_max);
      auto answer =
          ask({"GET",
               fmt::format("/v1/events/{}?wait={}", percent_encode(event_), format_duration(part)),
               {},
               {}},
              part + at_.global.timeout, exit);
      if (!answer || has_ended(*answer))
        return answer;
      if (!has_state(*answer)) {
        exit = refuse_answer();
        return std::nullopt;
      }
    }
    exit = time_is_up(wait);
    return std::nullopt;
  }

  /// The JSON object that was answered. Empty when there is none, which is told; `exit` then says
  /// how to end.
  std::optional<json> ask(http_request request, duration patience, int& exit) {
    auto end = send_request(at_, std::move(request), patience, exit);
    if (!end)
      return std::nullopt;
    if (const auto* failure = std::get_if<http_failure>(&*end)) {
      exit = complain_of(explain(at_, *failure, patience), exit_code::unreachable, failure->sent);
      return std::nullopt;
    }
    const auto& answer = std::get<http_answer>(*end);
    if (exit_code_of_status(answer.status) != exit_code::done) {
      // 503 is a definite no; behind any other failure of a server the event may be stored.
      exit = complain_of(explain(at_, answer), exit_code::busy,
                         answer.status >= 500 && answer.status != 503);
      return std::nullopt;
    }
    json body = parse_json(answer.body);
    if (body.is_object())
      return body;
    exit = complain_of(explain_text(at_), exit_code::unreachable, true);
    return std::nullopt;
  }

  /// JSON, but not what a node answers.
  int refuse_answer() {
    const bool known = !event_.empty();
    return complain_of(
        {exit_code::failed,
         {fmt::format("the answer of {} {}", at_.global.server,
                      known ? "tells no state of the event" : "does not name the event"),
          "it does not look like one of Skein", "check --server", ""}},
        exit_code::unreachable, true);
  }

  /// Once the event is accepted a failed request says nothing about it: 1, which tells that the
  /// event has failed, becomes `otherwise`, and sending again is no advice. Before, no answer may
  /// say whether it was accepted.
  int complain_of(explained failure, int otherwise, bool unknown) {
    if (!event_.empty()) {
      if (failure.exit == exit_code::failed)
        failure.exit = otherwise;
      failure.told.todo = fmt::format("skein event describe {}", event_);
      failure.told.note = fmt::format("the event was accepted as {0} and goes on; look with: "
                                      "skein event describe {0}",
                                      event_);
      failure.told.event = event_;
    } else if (unknown) {
      failure.told.note =
          fmt::format("whether it was accepted is not known; to send it again without running it "
                      "twice add: --id {} --source {}",
                      shell_quoted(sent_.id), shell_quoted(sent_.source));
    }
    return complain(at_, failure.exit, failure.told);
  }

  int print_accepted(const json& accepted) {
    if (at_.global.output != output_format::table)
      print_json(at_, accepted);
    else
      at_.world.out << event_ << '\n';
    at_.world.out.flush();
    const bool known = cell_of(accepted, "duplicate") == "yes";
    say(at_, fmt::format("{}; see it with: skein event describe {}",
                         known ? "known already, and not run again" : "accepted", event_));
    return exit_code::done;
  }

  int print_outcome(const json& body) {
    const std::string state = cell_of(body, "state");
    if (at_.global.output != output_format::table)
      print_json(at_, body);
    const std::size_t replies = print_replies(body);
    if (state == "done")
      return tell_done(body, replies);
    if (at_.global.output == output_format::table) // else they are in what was printed
      for (const std::string& line : errors_of(body))
        say(at_, line);
    const bool dead = state == "dead";
    return complain(at_, exit_code::failed,
                    {fmt::format("event {} is {}", event_, state), "",
                     fmt::format("skein {} {}", dead ? "dead show" : "event describe", event_),
                     state, "", event_});
  }

  /// Of the deliveries that are done, whatever became of the others; their number.
  std::size_t print_replies(const json& body) {
    const auto replies = replies_of(body);
    if (at_.global.output == output_format::table)
      for (const json& each : replies)
        print_reply(reply_text(each));
    at_.world.out.flush();
    return replies.size();
  }

  int tell_done(const json& body, std::size_t replies) {
    if (cell_of(body, "outcome") == "unrouted")
      say(at_,
          fmt::format("no route matched event {}, so nothing ran; see: skein agent list", event_));
    else if (replies == 0)
      say(at_, fmt::format("event {} is done, without a reply", event_));
    return exit_code::done;
  }

  /// As it is for a program; on a terminal without what could drive it.
  void print_reply(const std::string& text) {
    if (!at_.world.out_is_terminal) {
      at_.world.out << text << '\n';
      return;
    }
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool drives = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
      at_.world.out << (drives ? '?' : c);
    }
    at_.world.out << '\n';
  }

  int time_is_up(duration wait) {
    return complain(at_, exit_code::timed_out,
                    {fmt::format("event {} has not ended after {}", event_, format_duration(wait)),
                     "it is accepted and goes on", fmt::format("skein event describe {}", event_),
                     "timed-out", "", event_});
  }

  context& at_;
  const event& sent_;
  std::string body_;
  std::string event_; // its number, once known
};

int send(context& at, const send_options& options) {
  if (options.event.text.has_value() == options.event.data_file.has_value())
    return complain(
        at, exit_code::usage,
        {options.event.text ? "TEXT and --data-file are both given" : "there is no data to send",
         "", "skein send \"hello\" --key demo, or --data-file FILE (- is standard input)",
         "invalid-argument"});
  auto data = read_data(at, options.event);
  if (!data)
    return exit_code::usage;
  const auto made = make_event(options.event, std::move(*data));
  if (!made)
    return complain(at, exit_code::usage,
                    {std::string{sentence(made.error().code)}, made.error().detail,
                     "skein help send", std::string{slug(made.error().code)}});
  if (at.global.dry_run) {
    at.world.out << write_structured(*made) << '\n';
    return exit_code::done;
  }
  sending way{at, *made};
  return options.wait ? way.publish_and_wait(*options.wait) : way.publish();
}

} // namespace

handler define_send(CLI::App& app) {
  auto options = std::make_shared<send_options>();
  event_options& event = options->event;
  add_optional_argument(app, "TEXT", event.text, "the event's data");
  add_text(app, "--key", event.key, "KEY", "events of a key run one at a time, in order");
  add_text(app, "--type", event.type, "TYPE", "default skein.message");
  add_text(app, "--source", event.source, "SOURCE", "default skein/cli/HOST");
  add_text(app, "--id", event.id, "ID",
           "a repeat of key, source and id is not run again; default random");
  add_text(app, "--due", event.due, "WHEN", "+10s from acceptance, or an RFC 3339 time");
  add_text(app, "--expires", event.expires, "WHEN", "not run after this; as --due");
  add_choice(app, "--priority", event.priority, "people|hook|job|background|replay",
             "class in which it waits");
  add_text(app, "--data-file", event.data_file, "FILE",
           "data instead of TEXT; - is standard input");
  add_text(app, "--content-type", event.content_type, "TYPE",
           "of the data; default by what it looks like");
  add_choice(app, "--broadcast", event.broadcast, "nodes|loops",
             "one of the type for each node, or loop, of all that take part");
  add_optional_duration(app, "--wait", options->wait, wait_default, wait_max,
                        "wait for the end (default 30s) and print the reply");
  return [options](context& at) { return send(at, *options); };
}

} // namespace skein::cli
