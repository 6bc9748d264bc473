// Stories of the command line against a canned node, with everything it wrote: stories/*.txt. A
// line of a story is one of
//   # words                        a remark
//   serve GET /v1/status 200       the answer to a request; its body follows up to a line "."
//   with Retry-After: 3            a header field of the answer before
//   env NAME=VALUE, terminal on, terminal off, stdin TEXT     what the next runs find
//   offline                        the next runs name a port at which nobody listens
//   run event list --key 'a b'     runs it; what came of it follows up to a line "."
// SKEIN_UPDATE_STORIES=1 rewrites what came of it; read the difference before you commit it.
#include "nodes/config/version.hpp"
#include "tests/nodes/cli/fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace skein;
using namespace skein::test;

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool open = false;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ') {
      if (open)
        words.push_back(std::exchange(word, ""));
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (open)
    words.push_back(word);
  return words;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string indented(const std::string& title, const std::string& text) {
  std::string out;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    out += title + "| " + line + "\n";
  return out;
}

class story {
 public:
  explicit story(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    for (std::string line; std::getline(in, line);)
      lines_.push_back(line);
  }

  /// The story as it went this time.
  std::string play() {
    while (at_ < lines_.size())
      step(lines_[at_++]);
    return played_;
  }
  std::string written() const {
    std::string all;
    for (const std::string& each : lines_)
      all += each + "\n";
    return all;
  }
  int runs() const { return runs_; }

 private:
  std::string block() {
    std::string text;
    while (at_ < lines_.size() && lines_[at_] != ".")
      text += lines_[at_++] + "\n";
    ++at_;
    return text;
  }

  void step(const std::string& line) {
    played_ += line + "\n";
    const auto words = words_of(line);
    if (words.empty() || line[0] == '#')
      return;
    if (words[0] == "serve")
      serve(words);
    else if (words[0] == "env")
      cli_.environment[words[1].substr(0, words[1].find('='))] =
          words[1].substr(words[1].find('=') + 1);
    else if (words[0] == "terminal")
      cli_.out_is_terminal = words[1] == "on";
    else if (words[0] == "stdin")
      cli_.input = words[1];
    else if (words[0] == "offline")
      offline_ = true;
    else if (words[0] == "run")
      run({words.begin() + 1, words.end()});
    else
      FAIL("a story has no line such as: " << line);
  }

  void serve(const std::vector<std::string>& words) {
    REQUIRE(words.size() == 4);
    canned_answer answer;
    answer.status = static_cast<unsigned>(std::stoul(words[3]));
    if (at_ < lines_.size() && lines_[at_].starts_with("with ")) {
      answer.fields = lines_[at_].substr(5) + "\r\n";
      played_ += lines_[at_++] + "\n";
    }
    const std::string body = block();
    played_ += body + ".\n";
    answer.body = body;
    node_.serve(words[1] + " " + words[2], std::move(answer));
  }

  void run(const std::vector<std::string>& arguments) {
    ++runs_;
    const std::string url =
        offline_ ? "http://127.0.0.1:" + std::to_string(closed_port()) : node_.url();
    cli_.environment["SKEIN_SERVER"] = url;
    const int exit = cli_(arguments);
    block(); // what came of it last time
    std::string text = "exit| " + std::to_string(exit) + "\n";
    for (const seen_request& each : node_.take_requests())
      text += indented("sent", each.line + "\n" + each.body);
    text += indented("out", cli_.out) + indented("err", cli_.err);
    replace_all(text, url, "http://NODE");
    replace_all(text, std::string{version()}, "VERSION");
    played_ += text + ".\n";
  }

  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::string played_;
  fake_node node_;
  command_line cli_;
  bool offline_ = false;
  int runs_ = 0;
};

std::vector<std::filesystem::path> all_stories() {
  std::vector<std::filesystem::path> files;
  for (const auto& each : std::filesystem::directory_iterator{SKEIN_STORIES})
    if (each.path().extension() == ".txt")
      files.push_back(each.path());
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace

TEST_CASE("every story of the command line goes as written") {
  const auto files = all_stories();
  REQUIRE(files.size() >= 8);
  for (const auto& file : files) {
    DYNAMIC_SECTION(file.filename().string()) {
      story told{file};
      const std::string played = told.play();
      CHECK(told.runs() > 0);
      if (std::getenv("SKEIN_UPDATE_STORIES") != nullptr)
        std::ofstream{file, std::ios::binary} << played;
      else
        CHECK(played == told.written());
    }
  }
}
