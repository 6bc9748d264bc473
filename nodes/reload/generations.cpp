#include "nodes/reload/generations.hpp"

#include "actors/arguments.hpp"
#include "nodes/broker/private_file.hpp"
#include "protocol/limits.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <utility>

namespace skein {

namespace {

using nlohmann::json;

/// Two files as text in JSON, where a byte may take six.
constexpr std::size_t file_bytes_max = 2 * 6 * limits::config_file_bytes_max + (64 << 10);

json words_of(const generation& which) {
  return {{"generation", which.number},
          {"hash", which.hash},
          {"at", to_ns(which.at)},
          {"by", which.by},
          {"text", which.text}};
}

std::optional<generation> generation_of(const json& words) {
  const auto is_number = [&](const char* name) {
    return words.contains(name) && words[name].is_number_integer();
  };
  if (!words.is_object() || !is_number("generation") || !is_number("at"))
    return std::nullopt;
  return generation{words["generation"].get<std::uint64_t>(), said(words, "hash"),
                    from_ns(words["at"].get<std::int64_t>()), said(words, "by"),
                    said(words, "text")};
}

std::string path_in(const std::string& folder) { return folder + "/" + generations_file; }

} // namespace

generations begin_generations(std::optional<generations> kept, generation now) {
  if (!kept) {
    now.number = 1;
    return {std::move(now), std::nullopt};
  }
  if (kept->current.hash != now.hash)
    return next_generation(*kept, std::move(now));
  kept->current.text = std::move(now.text); // it may say the same in other words
  return *std::move(kept);
}

generations next_generation(const generations& before, generation now) {
  now.number = before.current.number + 1;
  return {std::move(now), before.current};
}

std::string generations_text(const generations& which) {
  json words = words_of(which.current);
  if (which.previous)
    words["previous"] = words_of(*which.previous);
  return words.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<generations> read_generations(std::string_view text) {
  const json words = json::parse(text, nullptr, false);
  auto current = generation_of(words);
  if (!current)
    return std::nullopt;
  return generations{*std::move(current),
                     words.contains("previous") ? generation_of(words["previous"]) : std::nullopt};
}

result<std::optional<generations>> load_generations(const std::string& folder) {
  const auto text = read_private_file(path_in(folder), file_bytes_max);
  if (!text)
    return text.error();
  if (!*text)
    return std::optional<generations>{};
  auto read = read_generations(**text);
  if (!read)
    return error{errc::invalid_config, path_in(folder) + " is no record of configurations"};
  return read;
}

result<void> save_generations(const std::string& folder, const generations& which) {
  // A node of a store that several share may have had nothing to put there yet.
  std::error_code failed;
  if (std::filesystem::create_directories(folder, failed))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, failed);
  return write_private_file(path_in(folder), generations_text(which), if_there::replace);
}

} // namespace skein
