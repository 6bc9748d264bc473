// The repository against its own rules, and the rules against small strings.
#include "rules.hpp"
#include "source_text.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

using namespace skein::tidy;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view folders[] = {"protocol", "journal", "actors", "nodes",
                                        "bench",    "tests",   "cmake",  "docs",
                                        "examples", "scripts", ".ci"};
const std::set<std::string> text_endings = {".cpp",  ".hpp", ".txt", ".cmake", ".md",
                                            ".toml", ".sql", ".py",  ".sh",    ".mjs",
                                            ".json", ".yml", ""};

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Every text file of the source folders and of the top, by its path in the repository.
const file_map& files() {
  static const file_map all = [] {
    const fs::path root{SKEIN_ROOT};
    file_map found;
    const auto take = [&](const fs::directory_entry& each) {
      const std::string path = fs::relative(each.path(), root).generic_string();
      if (each.is_regular_file() && path != ".git" && path.find("/corpus/") == path.npos &&
          text_endings.contains(each.path().extension().string()))
        found[path] = read(each.path());
    };
    for (const auto& each : fs::directory_iterator{root})
      take(each);
    for (const std::string_view folder : folders)
      for (const auto& each : fs::recursive_directory_iterator{root / folder})
        take(each);
    return found;
  }();
  return all;
}

problems check_all(problems (*rule)(std::string_view, std::string_view)) {
  problems found;
  for (const auto& [path, text] : files())
    for (std::string& each : rule(path, text))
      found.push_back(std::move(each));
  return found;
}

const problems none;

} // namespace

TEST_CASE("the scan sees the repository") {
  CHECK(files().contains("protocol/limits.hpp"));
  CHECK(files().contains("actors/scheduler_core.cpp"));
  CHECK(files().contains("tests/tidy/rules.cpp"));
  CHECK(files().size() > 200);
}

TEST_CASE("nobody includes against the arrow") { CHECK(check_all(check_layers) == none); }
TEST_CASE("CAF and ZeroMQ stay where they belong") { CHECK(check_all(check_libraries) == none); }
TEST_CASE("cores and the protocol are pure") { CHECK(check_all(check_purity) == none); }
TEST_CASE("no actor blocks or has a thread") { CHECK(check_all(check_actors) == none); }
TEST_CASE("files, lines and functions have a size") { CHECK(check_all(check_sizes) == none); }
TEST_CASE("tests assert something and do not sleep") { CHECK(check_all(check_tests) == none); }
TEST_CASE("the text is clean") { CHECK(check_all(check_text) == none); }
TEST_CASE("the repository speaks of itself alone") { CHECK(check_all(check_words) == none); }
TEST_CASE("every source is built") { CHECK(check_built(files()) == none); }

TEST_CASE("every error has a row on the page of the HTTP API") {
  CHECK(check_error_codes(files().at("protocol/error.cpp"), files().at("docs/http-api.md")) ==
        none);
}

TEST_CASE("every error that a page names is one") {
  problems found;
  for (const auto& [path, text] : files())
    if (path.ends_with(".md"))
      for (std::string& each : check_named_codes(files().at("protocol/error.cpp"), path, text))
        found.push_back(std::move(each));
  CHECK(found == none);
}

TEST_CASE("lines of the pages have a width") {
  problems found;
  for (const auto& [path, text] : files())
    if (path == "README.md" || (path.starts_with("docs/") && path.ends_with(".md")))
      for (std::string& each : check_page_width(path, text))
        found.push_back(std::move(each));
  CHECK(found == none);
}

TEST_CASE("what the pages link to is there") {
  const auto exists = [](const std::string& path) {
    return fs::exists(fs::path{SKEIN_ROOT} / path);
  };
  problems found;
  for (const auto& [path, text] : files())
    if (path.ends_with(".md"))
      for (std::string& each : check_links(path, files(), exists))
        found.push_back(std::move(each));
  CHECK(found == none);
}

TEST_CASE("an include against the arrow is seen") {
  CHECK(check_layers("protocol/a.cpp", "#include \"journal/journal.hpp\"\n").size() == 1);
  CHECK(check_layers("journal/a.cpp", "#include \"nodes/node.hpp\"\n").size() == 1);
  CHECK(check_layers("nodes/a.cpp", "#include \"actors/api.hpp\"\n#include <vector>\n").empty());
  CHECK(check_layers("tests/a.cpp", "#include \"nodes/node.hpp\"\n").empty());
}

TEST_CASE("libraries out of their place are seen") {
  CHECK(check_libraries("actors/lanes.cpp", "#include <caf/all.hpp>\n").size() == 1);
  CHECK(check_libraries("actors/retry_actor.cpp", "#include <caf/all.hpp>\n").empty());
  CHECK(check_libraries("tests/sim/a.cpp", "#include \"caf/all.hpp\"\n").empty());
  CHECK(check_libraries("tests/actors/an_actor_test.cpp", "#include <caf/all.hpp>\n").empty());
  CHECK(check_libraries("tests/actors/lanes_test.cpp", "#include <caf/all.hpp>\n").size() == 1);
  CHECK(check_libraries("nodes/node.cpp", "#include <zmq.hpp>\n").size() == 1);
  CHECK(check_libraries("nodes/broker/link.cpp", "#include <zmq.hpp>\n").empty());
  CHECK(check_libraries("bench/zmq_bench.cpp", "#include <zmq.hpp>\n").empty());
}

TEST_CASE("a clock in a core is seen, in a comment it is not one") {
  CHECK(check_purity("actors/a_core.cpp", "auto t = clock::now();\n").size() == 1);
  CHECK(check_purity("actors/a_core.cpp", "// never now()\nauto s = \"now()\";\n").empty());
  CHECK(check_purity("actors/a_actor.cpp", "auto t = clock.now();\n").empty());
  CHECK(check_purity("actors/a_core.cpp", "auto t = now();\n").size() == 1);
  CHECK(check_purity("actors/a_core.cpp", "auto t = progress_now();\n").empty());
  CHECK(check_purity("protocol/a.hpp", "std::random_device dice;\n").size() == 1);
  CHECK(check_purity("actors/a_core.cpp", "#include \"nodes/logging/log.hpp\"\n").size() == 1);
}

TEST_CASE("an actor with a thread is seen") {
  CHECK(check_actors("actors/a.cpp", "spawn<detached>(f);\n").size() == 1);
  CHECK(check_actors("actors/a.cpp", "spawn(f); // not detached\n").empty());
}

TEST_CASE("an actor that asks a clock or dice of its own is seen") {
  CHECK(check_actors("actors/a_actor.cpp", "auto t = steady_clock::now();\n").size() == 1);
  CHECK(check_actors("actors/a_actor.cpp", "auto t = ports.clock->now();\n").empty());
  CHECK(check_actors("actors/a_actor.cpp", "std::random_device dice;\n").size() == 1);
  CHECK(check_actors("nodes/a.cpp", "std::random_device dice;\n").empty());
}

TEST_CASE("sizes are seen") {
  const std::string wide(101, 'x');
  CHECK(check_sizes("a/a.cpp", "//" + wide).size() == 1);
  CHECK(check_sizes("a/a.md", wide).empty());
  std::string euros;
  for (int i = 0; i < 100; ++i)
    euros += "\xe2\x82\xac";
  CHECK(check_sizes("a/a.cpp", euros).empty());
  std::string tall;
  for (int i = 0; i < 601; ++i)
    tall += "\n";
  CHECK(check_sizes("a/a.cpp", tall).size() == 1);
  std::string body;
  for (int i = 0; i < 70; ++i)
    body += "  f();\n";
  CHECK(check_sizes("a/a.cpp", "void g() {\n" + body + "}\n").size() == 1);
  CHECK(check_sizes("a/a.cpp", "struct g {\n" + body + "};\n").empty());
  CHECK(check_sizes("a/a.cpp", "void g() {\n  f(R\"(\n" + body + ")\");\n}\n").empty());
}

TEST_CASE("functions are found with their sizes") {
  const auto found = functions_of("namespace a {\n"
                                  "struct b {\n"
                                  "  int c() const {\n"
                                  "    return d{1}.e([] {\n"
                                  "      return '{';\n"
                                  "    });\n"
                                  "  }\n"
                                  "  std::vector<int> f = {1, 2};\n"
                                  "};\n"
                                  "g::g(int h)\n"
                                  "  : i_{h}, j_{1'000} {\n"
                                  "  k(R\"(})\");\n"
                                  "}\n"
                                  "} // namespace a }\n");
  REQUIRE(found.size() == 2);
  CHECK(found[0].line == 3);
  CHECK(found[0].lines == 5);
  CHECK(found[1].line == 11);
  CHECK(found[1].lines == 3);
}

TEST_CASE("tests without an assertion and tests that sleep are seen") {
  const std::string empty = std::string{"TEST_"} + "CASE(\"x\") {}\n";
  CHECK(check_tests("tests/a.cpp", empty).size() == 1);
  CHECK(check_tests("tests/a.cpp", empty + "void f() { CHECK(true); }\n").empty());
  CHECK(check_tests("tests/a.cpp", "void f() { std::this_thread::sleep_for(1s); }\n").size() == 1);
}

TEST_CASE("a script that pauses without a word is seen") {
  CHECK(check_tests("tests/a.py", "  time.sleep(1)\n").size() == 1);
  CHECK(check_tests("tests/a.py", "  time.sleep(1)  # between two looks\n").empty());
  CHECK(check_tests("tests/a.sh", "sleep 5\n").size() == 1);
}

TEST_CASE("notes to oneself and white space at a line's end are seen") {
  CHECK(check_text("a.md", std::string{"x // TO"} + "DO later\n").size() == 1);
  CHECK(check_text("a.md", "a method of many todos\n").empty());
  CHECK(check_text("a.md", "x \ny\t\nz\n").size() == 2);
  CHECK(check_text("tests/stories/a.txt", "NAME  STATE \n").empty());
}

TEST_CASE("paths of one machine and words about the making are seen") {
  CHECK(check_words("a.md", std::string{"see /ro"} + "ot/x\n").size() == 1);
  CHECK(check_words("a.md", std::string{"as the Review"} + "er said\n").size() == 1);
  CHECK(check_words("a.md", std::string{"written by A"} + "I.\n").size() == 1);
  CHECK(check_words("a.md", "it said maintain, and mail\n").empty());
}

TEST_CASE("links to nothing are seen") {
  const file_map pages = {{"docs/a.md",
                           "# A\n[b](b.md) [c](../c.md#two-words) [a](#a) [x](http://x)\n"
                           "see `actors/lanes` and `actors/NAME`\n"},
                          {"docs/bad.md", "[b](gone.md)\n[c](../c.md#three)\n`actors/gone.hpp`\n"
                                          "```\n[d](gone.md)\n```\n"},
                          {"docs/b.md", ""},
                          {"c.md", "## Two words\n"},
                          {"actors/lanes.hpp", ""}};
  const auto exists = [&](const std::string& path) { return pages.contains(path); };
  CHECK(check_links("docs/a.md", pages, exists) == none);
  CHECK(check_links("docs/bad.md", pages, exists).size() == 3);
}

TEST_CASE("a source that nobody builds and a folder that nobody adds are seen") {
  const file_map good = {{"CMakeLists.txt", "add_subdirectory(a)\n"},
                         {"a/CMakeLists.txt", "skein_library(a\n  x.cpp\n  b/y.cpp)\n"},
                         {"a/x.cpp", ""},
                         {"a/b/y.cpp", ""}};
  CHECK(check_built(good) == none);
  file_map bad = good;
  bad["a/z.cpp"] = "";
  bad["a/b/x.cpp"] = "";
  bad["c/CMakeLists.txt"] = "";
  CHECK(check_built(bad).size() == 3);
}

namespace {
constexpr std::string_view two_errors =
    "row{errc::none, \"none\", \"\"},\nrow{errc::not_found, \"not-found\", \"\"},"
    "row{errc::internal, \"internal\",\n\"\"},";
} // namespace

TEST_CASE("an error that the page does not explain is seen") {
  const std::string_view source = two_errors;
  CHECK(check_error_codes(source, "| 404 | `not-found` | x |\n| 500 | `internal` | y |") == none);
  CHECK(check_error_codes(source, "| 404 | `not-found` | x |\n") ==
        problems{"internal: not explained"});
}

TEST_CASE("an error that a page names and that is none is seen") {
  const std::string good = "| 404 | `not-found` | x |\n| start | `internal` | y |\n"
                           "{\"code\":\"not-found\"} 500 `internal` and exit 1, `internal`\n"
                           "| 1 | `people` | 200 `ready`, `other`\n";
  CHECK(check_named_codes(two_errors, "a.md", good) == none);
  for (const char* const bad :
       {"| 404 | `gone` | x |\n", "| log | `gone` | x |\n", "{\"code\":\"gone\"}\n",
        "it answers 503 `gone`\n", "exit 74, `gone`\n"})
    CHECK(check_named_codes(two_errors, "a.md", bad) ==
          problems{"a.md:1: no error has the code gone"});
}

TEST_CASE("a wide line of a page is seen, but for tables, addresses and what is shown") {
  const std::string wide(141, 'x');
  CHECK(check_page_width("a.md", "x\n" + wide + "\n") == problems{"a.md:2: 141 columns"});
  CHECK(check_page_width("a.md", "|" + wide + "\nhttps://" + wide + "\n") == none);
  CHECK(check_page_width("a.md", "```\n" + wide + "\n```\n") == none);
  CHECK(check_page_width("a.md", "```\n```\n" + wide + "\n").size() == 1);
}
