#include "nodes/broker/zap.hpp"

#include "nodes/broker/curve_key.hpp"

#include <algorithm>

namespace skein {

namespace {

constexpr std::string_view zap_version = "1.0";
constexpr std::size_t parts_before_credentials = 6;

std::string property(std::string_view name, std::string_view value) {
  std::string out(1, static_cast<char>(name.size()));
  out.append(name);
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value.size() >> shift));
  return out.append(value);
}

} // namespace

std::optional<zap_request> read_zap_request(const std::vector<std::string>& parts) {
  if (parts.size() < parts_before_credentials || parts[0] != zap_version)
    return std::nullopt;
  return zap_request{parts[1],
                     parts[2],
                     parts[3],
                     parts[5],
                     {parts.begin() + parts_before_credentials, parts.end()}};
}

zap_verdict judge(const zap_request& request, const peer_list& allowed) {
  zap_verdict verdict;
  if (request.domain != zap_domain || request.mechanism != "CURVE" ||
      request.credentials.size() != 1) {
    verdict.text = "CURVE with a key is needed";
    return verdict;
  }
  verdict.key = curve_key_text(request.credentials[0]);
  const allowed_peer* peer = verdict.key.empty() ? nullptr : find_by_key(allowed, verdict.key);
  if (peer == nullptr) {
    verdict.text = "the key is not known";
    return verdict;
  }
  verdict.let_in = true;
  verdict.peer = peer->name;
  return verdict;
}

std::vector<std::string> write_zap_reply(const std::string& id, const zap_verdict& verdict) {
  if (!verdict.let_in)
    return {std::string{zap_version}, id, "400", verdict.text, "", ""};
  return {std::string{zap_version},           id, "200", "welcome", verdict.peer,
          property(key_property, verdict.key)};
}

} // namespace skein
