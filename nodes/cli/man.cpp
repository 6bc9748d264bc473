// skein man: the pages of the manual, for packages to install.
#include "nodes/cli/commands.hpp"
#include "nodes/cli/exit_codes.hpp"
#include "nodes/cli/manual.hpp"
#include "nodes/cli/options.hpp"
#include "nodes/cli/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <ostream>

namespace skein::cli {

namespace {

struct man_options {
  std::optional<std::string> page;
  std::optional<std::string> folder;
};

int show_page(context& at, const std::string& name) {
  const auto pages = manual_pages();
  const auto found = std::find_if(pages.begin(), pages.end(), [&](const manual_page& each) {
    return each.name == name || each.file() == name;
  });
  if (found != pages.end()) {
    at.world.out << found->text;
    return exit_code::done;
  }
  std::vector<std::string_view> names;
  for (const manual_page& each : pages)
    names.push_back(each.name);
  return complain_of_word(at, fmt::format("there is no page \"{}\"", name), name, names,
                          "skein man", "invalid-argument");
}

int write_pages(context& at, const std::string& folder) {
  for (const manual_page& each : manual_pages()) {
    const std::string path = fmt::format("{}/{}", folder, each.file());
    std::ofstream file{path, std::ios::binary};
    file << each.text;
    file.close();
    if (!file)
      return complain(at, exit_code::failed,
                      {fmt::format("{} cannot be written", path), "",
                       "name a folder that is there with --out", "io-error"});
  }
  return exit_code::done;
}

int list_pages(context& at) {
  for (const manual_page& each : manual_pages())
    at.world.out << each.file() << '\n';
  return exit_code::done;
}

} // namespace

handler define_man(CLI::App& app) {
  auto options = std::make_shared<man_options>();
  add_optional_argument(app, "PAGE", options->page,
                        "show this one; without it, say which there are");
  add_text(app, "--out", options->folder, "DIR", "write all of them into this folder");
  return [options](context& at) {
    if (options->folder)
      return write_pages(at, *options->folder);
    return options->page ? show_page(at, *options->page) : list_pages(at);
  };
}

} // namespace skein::cli
