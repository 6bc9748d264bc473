// Runs a fuzz target over its corpus, and over every file with one byte cut off at each end and one
// byte changed, so that a build without libFuzzer has a regression test that is more than the
// seeds.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// In a block of exactly the input's size: a sanitizer sees every read beyond it.
void run(const std::string& input) {
  const auto block = std::make_unique<std::uint8_t[]>(input.size());
  if (!input.empty())
    std::memcpy(block.get(), input.data(), input.size());
  LLVMFuzzerTestOneInput(block.get(), input.size());
}

void run_with_changes(const std::string& input) {
  constexpr std::size_t changes_max = 4'096;
  run(input);
  for (std::size_t i = 0; i < std::min(input.size(), changes_max); ++i) {
    run(input.substr(0, i));
    std::string changed = input;
    changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
    run(changed);
    changed[i] = '\xff';
    run(changed);
  }
}

} // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s CORPUS\n", arguments[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{arguments[1]})
    if (entry.is_regular_file())
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file{path, std::ios::binary};
    run_with_changes({std::istreambuf_iterator<char>{file}, {}});
  }
  std::printf("%zu files\n", files.size());
  return files.empty() ? 1 : 0;
}
