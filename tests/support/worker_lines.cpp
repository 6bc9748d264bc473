// A program for mode = "lines", for tests and benchmarks: answers each turn with its event's data.
//
// Flags, for the whole process:
//   --ignore-term      SIGTERM does nothing          --ignore-eof     runs on when its input ends
//   --exit-at-start N  ends at once with N           --never-read     reads nothing
//   --close-output     closes its standard output    --close-input    closes its standard input
//   --babble           prints lines that are no answers around each answer
//   --grandchild       leaves a child behind that holds its pipes, and names its pid on stderr
//   --pid              replies with its pid instead of the data
//   --spin N           computes N rounds a turn
//
// Data that begins with '!' asks one turn to be special:
//   !crash   dies by SIGSEGV              !exit N   exits with N
//   !hang    never answers                !wait     answers with error "retry" when told to cancel
//   !freeze  the whole process stops reading and answering
//   !twice   answers twice                !raw TEXT prints TEXT as a line, %T is the turn, %% a '%'
//   !giant   a line over the limit that begins with the turn; !giant-late: that ends with it
//   !say TEXT  TEXT on standard error, then the echo    !flood N  N lines there, then the echo
//   !endless TEXT  prints TEXT, %T is the turn, and then 'e' without end
//   !show    replies with the line it got, as a string
//   !hold    answers only when the next turn comes, before it
// !hang, !wait and !freeze say "has TURN" on standard error, so that a test knows that they are
// there.
#include <simdjson.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace od = simdjson::ondemand;

struct worker_flags {
  bool ignore_eof = false;
  bool never_read = false;
  bool babble = false;
  bool pid = false;
  long spin = 0;
};

struct turn_request {
  std::string turn;
  std::string_view line;
  std::string_view data; // raw JSON
};

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto put = ::write(fd, text.data(), text.size());
    if (put < 0)
      std::_Exit(9);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

[[noreturn]] void wait_forever() {
  for (;;)
    ::pause();
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\')
      out += '\\';
    out += byte;
  }
  return out + '"';
}

std::string filled(std::string_view text, std::string_view turn) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 1 < text.size()) {
      ++at;
      out += text[at] == 'T' ? turn : text.substr(at, 1);
    } else {
      out += text[at];
    }
  }
  return out;
}

class worker {
 public:
  explicit worker(worker_flags flags) : flags_{flags} {}

  void run() {
    if (flags_.never_read)
      wait_forever();
    std::string input;
    std::vector<char> chunk(256 << 10);
    for (;;) {
      const auto got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
      if (got <= 0)
        break;
      input.append(chunk.data(), static_cast<std::size_t>(got));
      std::size_t begin = 0;
      for (std::size_t end = input.find('\n'); end != std::string::npos;
           end = input.find('\n', begin)) {
        input.reserve(end + simdjson::SIMDJSON_PADDING);
        on_line(std::string_view{input}.substr(begin, end - begin));
        begin = end + 1;
      }
      input.erase(0, begin);
      flush();
    }
    if (flags_.ignore_eof)
      wait_forever();
  }

 private:
  void flush() {
    write_all(STDOUT_FILENO, out_);
    out_.clear();
  }

  void answer(std::string_view turn, std::string_view rest) {
    out_ += "{\"turn\":\"";
    out_ += turn;
    out_ += "\",";
    out_ += rest;
    out_ += "}\n";
  }

  void on_line(std::string_view line) {
    const simdjson::padded_string text{line};
    turn_request request;
    request.line = line;
    od::document document = parser_.iterate(text);
    for (od::field field : document.get_object()) {
      const std::string name{std::string_view{field.unescaped_key()}};
      if (name == "turn") {
        request.turn = std::string_view{field.value()};
      } else if (name == "event") {
        for (od::field member : field.value().get_object())
          if (member.key() == "data")
            request.data = simdjson::to_json_string(member.value());
      } else if (name == "cancel") {
        on_cancel(std::string_view{field.value()});
        return;
      }
    }
    on_turn(request);
  }

  void on_cancel(std::string_view turn) {
    for (const std::string& each : waiting_)
      if (each == turn)
        answer(turn, R"("error":{"kind":"retry","message":"told to cancel"})");
    std::erase(waiting_, turn);
  }

  void on_turn(const turn_request& request) {
    if (!held_.empty())
      echo({std::exchange(held_, {}), {}, "\"held\""});
    if (request.data.starts_with("\"!")) {
      std::string text;
      const simdjson::padded_string padded{request.data};
      od::document document = command_parser_.iterate(padded);
      text = std::string_view{document.get_string()};
      const std::size_t space = text.find(' ');
      const std::string verb = text.substr(1, space == std::string::npos ? space : space - 1);
      on_command(verb, space == std::string::npos ? "" : text.substr(space + 1), request);
      return;
    }
    echo(request);
  }

  void echo(const turn_request& request) {
    unsigned long spun = spun_;
    for (long round = 0; round < flags_.spin; ++round)
      spun = spun * 6364136223846793005ul + 1442695040888963407ul;
    spun_ = spun;
    if (flags_.babble)
      out_ += "starting up...\n\n{\"note\":1}\n[1,2]\n{\"turn\":\"9-9.nobody/1\",\"reply\":1}\n";
    if (flags_.pid)
      answer(request.turn, "\"reply\":" + std::to_string(::getpid()));
    else if (request.data.empty())
      answer(request.turn, "\"reply\":null");
    else
      answer(request.turn, "\"reply\":" + std::string{request.data});
    if (flags_.babble)
      out_ += "\xff\xfe no text\n{\"reply\":\"whose?\"}\n";
  }

  void on_command(const std::string& verb, const std::string& rest, const turn_request& request) {
    if (verb == "hang" || verb == "wait" || verb == "freeze")
      write_all(STDERR_FILENO, "has " + request.turn + "\n");
    if (verb == "crash" || verb == "exit") {
      flush();
      if (verb == "crash") {
        ::signal(SIGSEGV, SIG_DFL); // a sanitizer would make an exit of it
        std::raise(SIGSEGV);
      }
      std::_Exit(std::atoi(rest.c_str()));
    } else if (verb == "freeze") {
      flush();
      wait_forever();
    } else if (verb == "wait") {
      waiting_.push_back(request.turn);
    } else if (verb == "hold") {
      held_ = request.turn;
    } else if (verb == "twice") {
      answer(request.turn, "\"reply\":1");
      answer(request.turn, "\"reply\":2");
    } else if (verb == "raw") {
      out_ += filled(rest, request.turn) + "\n";
    } else if (verb == "giant") {
      answer(request.turn, "\"reply\":\"" + std::string(2 << 20, 'g') + "\"");
    } else if (verb == "giant-late") {
      out_ +=
          "{\"reply\":\"" + std::string(2 << 20, 'g') + "\",\"turn\":\"" + request.turn + "\"}\n";
    } else if (verb == "say" || verb == "flood") {
      for (int left = verb == "say" ? 1 : std::atoi(rest.c_str()); left > 0; --left)
        write_all(STDERR_FILENO, (verb == "say" ? rest : "flood") + "\n");
      echo(request);
    } else if (verb == "endless") {
      write_all(STDOUT_FILENO, filled(rest, request.turn));
      for (const std::string more(64 << 10, 'e');;)
        write_all(STDOUT_FILENO, more);
    } else if (verb == "show") {
      answer(request.turn, "\"reply\":" + quoted(request.line));
    } // hang: no answer
  }

  worker_flags flags_;
  volatile unsigned long spun_ = 1; // so that the work of --spin is not optimised away
  od::parser parser_;
  od::parser command_parser_;
  std::string out_;
  std::string held_;
  std::vector<std::string> waiting_;
};

void leave_grandchild() {
  const auto pid = ::fork();
  if (pid == 0)
    wait_forever();
  write_all(STDERR_FILENO, "grandchild " + std::to_string(pid) + "\n");
}

} // namespace

int main(int count, char** arguments) {
  worker_flags flags;
  ::signal(SIGPIPE, SIG_IGN);
  for (int i = 1; i < count; ++i) {
    const std::string_view flag = arguments[i];
    const auto number = [&] { return i + 1 < count ? std::atol(arguments[++i]) : 0; };
    if (flag == "--ignore-term")
      ::signal(SIGTERM, SIG_IGN);
    else if (flag == "--ignore-eof")
      flags.ignore_eof = true;
    else if (flag == "--exit-at-start")
      return static_cast<int>(number());
    else if (flag == "--never-read")
      flags.never_read = true;
    else if (flag == "--close-output")
      ::close(STDOUT_FILENO), flags.never_read = true;
    else if (flag == "--close-input")
      ::close(STDIN_FILENO), flags.never_read = true;
    else if (flag == "--babble")
      flags.babble = true;
    else if (flag == "--pid")
      flags.pid = true;
    else if (flag == "--spin")
      flags.spin = number();
    else if (flag == "--grandchild")
      leave_grandchild();
    else {
      std::fprintf(stderr, "worker_lines: unknown flag %s\n", arguments[i]);
      return 2;
    }
  }
  worker{flags}.run();
  return 0;
}
