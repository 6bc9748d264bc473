#include "protocol/event.hpp"

#include "protocol/msgpack_reader.hpp"
#include "protocol/msgpack_writer.hpp"

#include <algorithm>

namespace skein {

namespace {

constexpr std::size_t members = 11; // of the array; see the header

auto find_extension(auto& extensions, std::string_view name) {
  return std::lower_bound(
      extensions.begin(), extensions.end(), name,
      [](const auto& each, std::string_view text) { return each.first < text; });
}

std::size_t bound(const std::optional<std::string>& value) {
  return value ? msgpack_bound::text(value->size()) : msgpack_bound::small;
}

std::size_t encoded_bound(const event& value) {
  using namespace msgpack_bound;
  std::size_t bytes = opening + text(value.id.size()) + text(value.source.size()) +
                      text(value.type.size()) + text(value.key().size()) + bound(value.subject) +
                      bound(value.time) + bound(value.datacontenttype) + bound(value.dataschema) +
                      opening + number + text(value.data.size());
  for (const auto& [name, content] : value.extensions) {
    const auto* string = std::get_if<std::string>(&content);
    bytes += text(name.size()) + (string != nullptr ? text(string->size()) : number);
  }
  return bytes;
}

void write(msgpack_writer& out, const std::optional<std::string>& value) {
  if (value)
    out.text(*value);
  else
    out.nil();
}

void write(msgpack_writer& out, const extension_value& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    out.text(*text);
  else if (const auto* number = std::get_if<std::int32_t>(&value))
    out.signed_number(*number);
  else
    out.boolean(std::get<bool>(value));
}

void read(msgpack_reader& in, std::optional<std::string>& value) {
  if (!in.take_nil())
    value.emplace(in.text());
}

void read(msgpack_reader& in, extension_value& value) {
  switch (in.next()) {
    case msgpack_reader::type::text:
      value.emplace<std::string>(in.text());
      return;
    case msgpack_reader::type::number:
      value = static_cast<std::int32_t>(in.signed_number(INT32_MIN, INT32_MAX));
      return;
    case msgpack_reader::type::boolean:
      value = in.boolean();
      return;
    default:
      in.fail();
  }
}

void read_extensions(msgpack_reader& in, event& value) {
  const std::size_t count = in.map(limits::extensions_max);
  value.extensions.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto& [name, content] = value.extensions[i];
    name = in.text();
    read(in, content);
    in.require(i == 0 || value.extensions[i - 1].first < name);
  }
  in.close();
}

event_head read_head(msgpack_reader& in) noexcept {
  in.array_of(members);
  event_head head;
  head.id = in.text();
  head.source = in.text();
  head.type = in.text();
  head.key = in.text();
  return head;
}

} // namespace

const std::string* event::text_extension(std::string_view name) const {
  const auto at = find_extension(extensions, name);
  return at != extensions.end() && at->first == name ? std::get_if<std::string>(&at->second)
                                                     : nullptr;
}

bool event::has_extension(std::string_view name) const {
  const auto at = find_extension(extensions, name);
  return at != extensions.end() && at->first == name;
}

void event::set_extension(std::string name, extension_value value) {
  const auto at = find_extension(extensions, name);
  if (at != extensions.end() && at->first == name)
    at->second = std::move(value);
  else
    extensions.emplace(at, std::move(name), std::move(value));
}

std::string_view event::key() const {
  if (const std::string* explicit_key = text_extension(attribute::partitionkey))
    return *explicit_key;
  return subject ? *subject : id;
}

std::string encode_event(const event& value) {
  std::string bytes(encoded_bound(value), '\0');
  msgpack_writer out{bytes.data(), bytes.size()};
  out.array(members);
  out.text(value.id);
  out.text(value.source);
  out.text(value.type);
  out.text(value.key());
  write(out, value.subject);
  write(out, value.time);
  write(out, value.datacontenttype);
  write(out, value.dataschema);
  out.map(value.extensions.size());
  for (const auto& [name, content] : value.extensions) {
    out.text(name);
    write(out, content);
  }
  out.number(static_cast<std::uint8_t>(value.kind));
  out.binary(value.data);
  bytes.resize(out.written());
  return bytes;
}

result<event> decode_event(std::string_view body) {
  msgpack_reader in{body};
  const event_head head = read_head(in);
  event value;
  value.id = head.id;
  value.source = head.source;
  value.type = head.type;
  read(in, value.subject);
  read(in, value.time);
  read(in, value.datacontenttype);
  read(in, value.dataschema);
  read_extensions(in, value);
  value.kind = static_cast<data_kind>(in.number(static_cast<std::uint8_t>(data_kind::binary)));
  value.data = in.binary();
  in.close();
  in.require(in.at_end());
  in.require(value.kind != data_kind::none || value.data.empty());
  in.require(head.key == value.key());
  if (in.failed())
    return error{in.problem(), "These bytes are not an encoded event."};
  return value;
}

event_head read_head(std::string_view body) noexcept {
  msgpack_reader in{body};
  const event_head head = read_head(in);
  return in.failed() ? event_head{} : head;
}

} // namespace skein
