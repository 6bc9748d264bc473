#include "nodes/cli/new_event.hpp"

#include "protocol/cloudevents.hpp"
#include "protocol/media_type.hpp"
#include "protocol/utf8.hpp"

#include <fmt/format.h>

#include <array>
#include <random>
#include <unistd.h>

namespace skein::cli {

namespace {

constexpr std::string_view default_type = "skein.message";
constexpr std::string_view broadcast_type = "skein.broadcast"; // actors/broadcast.hpp

std::string default_source() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0')
    return "skein/cli";
  return fmt::format("skein/cli/{}", name.data());
}

instant wall_now() {
  return from_ns(
      std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch())
          .count());
}

/// The type that the user named, or the one that fits the bytes.
std::string content_type_of(const event_options& options, const std::string& data) {
  if (options.content_type)
    return *options.content_type;
  if (options.data_file && is_meant_as_json(data))
    return "application/json";
  return is_utf8(data) ? "text/plain" : "application/octet-stream";
}

result<void> set_data(event& into, const event_options& options, std::string data) {
  const std::string type = content_type_of(options, data);
  if (!is_media_type(type))
    return error{errc::unsupported_media_type,
                 fmt::format("\"{}\" is no content type such as application/json", type)};
  if (is_json_type(type)) {
    if (auto checked = check_json(data); !checked)
      return error{errc::data_not_json,
                   fmt::format("The content type is {}, but: {}", type, checked.error().detail)};
    into.kind = data_kind::json;
  } else {
    into.kind = is_utf8(data) ? data_kind::text : data_kind::binary;
  }
  into.datacontenttype = type;
  into.data = std::move(data);
  return {};
}

void set_extension(event& into, std::string_view name, const std::optional<std::string>& value) {
  if (value)
    into.set_extension(std::string{name}, *value);
}

/// The event that becomes one like `made` for each.
result<void> wrap_broadcast(event& made, const std::string& to) {
  if (made.kind == data_kind::binary)
    return error{errc::unsupported_media_type, "A broadcast carries JSON or text, not bytes."};
  std::string data = "{\"to\":";
  append_json_string(data, to);
  data += ",\"type\":";
  append_json_string(data, made.type);
  data += made.kind == data_kind::json ? ",\"data\":" : ",\"text\":";
  if (made.kind == data_kind::json)
    data += made.data;
  else
    append_json_string(data, made.data);
  made.type = broadcast_type;
  made.kind = data_kind::json;
  made.datacontenttype = "application/json";
  made.data = data + "}";
  return {};
}

} // namespace

std::string random_uuid() {
  std::random_device device;
  std::array<std::uint32_t, 4> words{};
  for (std::uint32_t& each : words)
    each = device();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", words[0], words[1] >> 16,
                     words[1] & 0xfffu, 0x8000u | (words[2] >> 18), words[2] & 0xffffu, words[3]);
}

result<event> make_event(const event_options& options, std::string data) {
  event out;
  out.id = options.id ? *options.id : random_uuid();
  out.source = options.source ? *options.source : default_source();
  out.type = options.type ? *options.type : std::string{default_type};
  set_extension(out, attribute::partitionkey, options.key);
  set_extension(out, attribute::due, options.due);
  set_extension(out, attribute::expires, options.expires);
  set_extension(out, attribute::priority, options.priority);
  if (auto set = set_data(out, options, std::move(data)); !set)
    return set.error();
  if (options.broadcast)
    if (auto wrapped = wrap_broadcast(out, *options.broadcast); !wrapped)
      return wrapped.error();
  if (auto checked = offer(out, hash_settings{}, event_limits{}, wall_now(), late_event::keep);
      !checked)
    return checked.error();
  return out;
}

} // namespace skein::cli
