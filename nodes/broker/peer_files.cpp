#include "nodes/broker/peer_files.hpp"

#include "journal/store_folder.hpp"
#include "nodes/broker/private_file.hpp"
#include "protocol/limits.hpp"

#include <string.h>
#include <string_view>

namespace skein {

namespace {

constexpr std::string_view title = "skein peer key 1\n";
constexpr std::string_view public_word = "public ";
constexpr std::string_view secret_word = "secret ";
constexpr std::size_t key_file_bytes_max = 1'024;

/// Overwritten at the end: there is a secret in it.
struct wiped_text {
  std::string text;
  ~wiped_text() { explicit_bzero(text.data(), text.size()); }
};

std::optional<std::string> take_line(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word))
    return std::nullopt;
  text.remove_prefix(word.size());
  const auto end = text.find('\n');
  if (end != curve_key_characters)
    return std::nullopt;
  std::string key{text.substr(0, end)};
  text.remove_prefix(end + 1);
  return key;
}

std::optional<key_pair> parse_key_file(std::string_view text) {
  if (!text.starts_with(title))
    return std::nullopt;
  text.remove_prefix(title.size());
  auto open = take_line(text, public_word);
  auto closed = open ? take_line(text, secret_word) : std::nullopt;
  if (!closed || !text.empty())
    return std::nullopt;
  key_pair keys{*std::move(open), secret_key{*std::move(closed)}};
  if (public_key_of(keys.secret) != keys.public_key)
    return std::nullopt;
  return keys;
}

} // namespace

std::string peer_key_path(const std::string& folder) { return folder + "/peer.key"; }
std::string peers_path(const std::string& folder) { return folder + "/peers"; }

result<std::optional<key_pair>> load_peer_key(const std::string& folder) {
  const std::string path = peer_key_path(folder);
  auto read = read_private_file(path, key_file_bytes_max);
  if (!read)
    return read.error();
  if (!*read)
    return std::optional<key_pair>{};
  const wiped_text text{**std::move(read)};
  auto keys = parse_key_file(text.text);
  if (!keys)
    return error{errc::store_corrupt, path +
                                          " is damaged: it does not hold two keys that belong "
                                          "together; bring back a copy, or make a new one with: "
                                          "skein peer create --yes --data " +
                                          folder};
  return keys;
}

result<key_pair> create_peer_key(const std::string& folder, bool replace) {
  if (auto made = journal::make_private_directory(folder); !made)
    return made.error();
  key_pair keys = make_key_pair();
  wiped_text text;
  text.text.reserve(key_file_bytes_max); // so that no part of it is left behind
  text.text.append(title).append(public_word).append(keys.public_key).append(1, '\n');
  text.text.append(secret_word).append(keys.secret.reveal()).append(1, '\n');
  if (auto written = write_private_file(peer_key_path(folder), text.text,
                                        replace ? if_there::replace : if_there::keep);
      !written)
    return written.error();
  return keys;
}

result<peer_list> load_peers(const std::string& folder) {
  const std::string path = peers_path(folder);
  auto read = read_private_file(path, limits::peers_file_bytes_max);
  if (!read)
    return read.error();
  auto list = parse_peer_list(read->value_or(std::string{}));
  if (!list)
    return error{errc::invalid_config, path + ", " + list.error().detail};
  return list;
}

result<bool> change_peers(const std::string& folder,
                          const std::function<result<bool>(peer_list&)>& change) {
  const auto lock = take_file_lock(peers_path(folder) + ".lock");
  if (!lock)
    return lock.error();
  auto list = load_peers(folder);
  if (!list)
    return list.error();
  const auto changed = change(*list);
  if (!changed || !*changed)
    return changed;
  if (auto written = write_private_file(peers_path(folder), to_text(*list), if_there::replace);
      !written)
    return written.error();
  return true;
}

} // namespace skein
