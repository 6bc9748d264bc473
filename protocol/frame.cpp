#include "protocol/frame.hpp"

#include "protocol/message_layout.hpp"
#include "protocol/msgpack_reader.hpp"
#include "protocol/msgpack_writer.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>

namespace skein {

namespace {

template <class T>
concept number = std::unsigned_integral<T> && !std::same_as<T, bool>;
template <class T>
concept closed_enum = requires {
  highest<T>::value;
};
template <class T>
concept strong_id = std::is_enum_v<T> && !closed_enum<T> && !std::same_as<T, errc>;

// ---- how much a field takes at most -----------------------------------------------------------

std::size_t bound(const std::string& text) { return msgpack_bound::text(text.size()); }
std::size_t bound(const slice& bytes) { return msgpack_bound::text(bytes.size()); }
template <class F, class B>
std::size_t bound(const optional_bytes<F, B>& it) {
  return bound(it.bytes);
}
template <class Scalar>
constexpr std::size_t bound(const Scalar&) {
  return msgpack_bound::number;
}
template <class Member>
std::size_t bound(const std::vector<Member>& members);

template <class Fields>
std::size_t bound_of_all(const Fields& fields) {
  return std::apply([](const auto&... each) { return (std::size_t{0} + ... + bound(each)); },
                    fields);
}

template <class Member>
std::size_t bound(const std::vector<Member>& members) {
  std::size_t sum = msgpack_bound::opening;
  for (const Member& each : members)
    sum += msgpack_bound::opening + bound_of_all(layout(each));
  return sum;
}

// ---- writing ----------------------------------------------------------------------------------

void write(msgpack_writer& out, bool value) { out.boolean(value); }
void write(msgpack_writer& out, number auto value) { out.number(value); }
template <class Enum>
requires std::is_enum_v<Enum>
void write(msgpack_writer& out, Enum value) { out.number(raw(value)); }
void write(msgpack_writer& out, instant at) { out.signed_number(to_ns(at)); }
void write(msgpack_writer& out, duration value) { out.signed_number(value.count()); }
void write(msgpack_writer& out, const std::string& text) { out.text(text); }
void write(msgpack_writer& out, const slice& bytes) { out.binary(bytes.view()); }
template <class N>
void write(msgpack_writer& out, const below<N>& it) {
  out.number(it.value);
}
template <class F, class B>
void write(msgpack_writer& out, const optional_bytes<F, B>& it) {
  if (it.present)
    write(out, it.bytes);
  else
    out.nil();
}
template <class Member>
void write(msgpack_writer& out, const std::vector<Member>& members);

template <class Fields>
void write_all(msgpack_writer& out, const Fields& fields) {
  std::apply([&out](const auto&... each) { (write(out, each), ...); }, fields);
}

template <class Member>
void write(msgpack_writer& out, const std::vector<Member>& members) {
  out.array(members.size());
  for (const Member& each : members) {
    out.array(field_count<Member>);
    write_all(out, layout(each));
  }
}

// ---- reading ----------------------------------------------------------------------------------

struct frame_reader {
  msgpack_reader in;
  const slice& bytes; // what `in` reads, for parts of it
};

void read(frame_reader& from, bool& value) { value = from.in.boolean(); }
template <number Number>
void read(frame_reader& from, Number& value) {
  value = static_cast<Number>(from.in.number(std::numeric_limits<Number>::max()));
}
template <strong_id Id>
void read(frame_reader& from, Id& id) {
  std::underlying_type_t<Id> value{};
  read(from, value);
  id = Id{value};
}
template <closed_enum Enum>
void read(frame_reader& from, Enum& value) {
  value = static_cast<Enum>(from.in.number(raw(highest<Enum>::value)));
}
void read(frame_reader& from, errc& code) { // a newer peer may know more of them
  code = errc_from_number(static_cast<std::uint16_t>(from.in.number(UINT16_MAX)));
}
void read(frame_reader& from, instant& at) { at = from_ns(from.in.signed_number()); }
void read(frame_reader& from, duration& value) { value = duration{from.in.signed_number()}; }
void read(frame_reader& from, std::string& text) { text = from.in.text(); }
void read(frame_reader& from, slice& bytes) {
  const std::string_view view = from.in.binary();
  bytes = view.empty() ? slice{} : from.bytes.part(view); // nothing keeps no frame alive
}
template <class N>
void read(frame_reader& from, const below<N>& it) {
  it.value = static_cast<N>(from.in.number(it.limit - 1));
}
template <class F, class B>
void read(frame_reader& from, const optional_bytes<F, B>& it) {
  it.present = !from.in.take_nil();
  if (it.present)
    read(from, it.bytes);
}
template <class Member>
void read(frame_reader& from, std::vector<Member>& members);

template <class Fields>
void read_all(frame_reader& from, Fields fields) {
  std::apply([&from](auto&... each) { (read(from, each), ...); }, fields);
}

template <class Member>
void read(frame_reader& from, std::vector<Member>& members) {
  constexpr std::size_t bytes_each = 1 + field_count<Member>; // at the very least
  members.resize(from.in.array(limits::frame_members_max, bytes_each));
  for (Member& each : members) {
    from.in.array_of(field_count<Member>);
    read_all(from, layout(each));
    from.in.close();
    if (from.in.failed())
      return;
  }
  from.in.close();
}

// ---- checking ---------------------------------------------------------------------------------

template <class Scalar>
errc check(const Scalar&) {
  return errc::none;
}
template <closed_enum Enum>
errc check(const Enum& value) {
  return value <= highest<Enum>::value ? errc::none : errc::invalid_frame;
}
template <class N>
errc check(const below<N>& it) {
  return it.value < it.limit ? errc::none : errc::invalid_frame;
}
template <class Member>
errc check(const std::vector<Member>& members);

template <class Fields>
errc check_all(const Fields& fields) {
  errc worst = errc::none;
  std::apply([&worst](const auto&... each) { ((worst = std::max(worst, check(each))), ...); },
             fields);
  return worst;
}

template <class Member>
errc check(const std::vector<Member>& members) {
  errc worst = members.size() <= limits::frame_members_max ? errc::none : errc::too_large;
  for (const Member& each : members)
    worst = std::max(worst, check_all(layout(each)));
  return worst;
}

// ---- the frame --------------------------------------------------------------------------------

auto header_layout(auto& header) {
  return std::tuple_cat(layout(header.from), layout(header.to),
                        std::tie(header.number, header.boot, header.to_boot));
}

std::size_t frame_bound(const frame_header& header, const message& body) {
  const std::size_t fields =
      std::visit([](const auto& each) { return bound_of_all(layout(each)); }, body);
  return msgpack_bound::opening + 2 * msgpack_bound::number + bound_of_all(header_layout(header)) +
         fields;
}

/// The first `count` of the fields; the others stay what they are.
template <class Fields, class Visit>
void each_of_first(std::size_t count, Fields fields, const Visit& visit) {
  std::size_t at = 0;
  std::apply([&](auto&... each) { ((at++ < count ? visit(each) : void()), ...); }, fields);
}

/// Opens the frame's array, reads up to the message, and gives the array's members.
std::size_t read_header(frame_reader& from, frame_peek& peek) {
  const std::size_t members = from.in.array();
  from.in.require(members >= header_members_in(protocol_version_min));
  const std::uint64_t version = from.in.number();
  from.in.require(version >= protocol_version_min && version <= protocol_version,
                  errc::unsupported_version);
  peek.version = static_cast<std::uint8_t>(version);
  peek.kind = static_cast<std::uint8_t>(from.in.number(std::variant_size_v<message> - 1));
  from.in.require(members >= header_members_in(version));
  each_of_first(header_members_in(version) - 2, header_layout(peek.header),
                [&from](auto& field) { read(from, field); });
  return members;
}

template <std::size_t Kind>
void read_body(frame_reader& from, std::size_t members, std::uint8_t version, message& body) {
  auto& it = body.emplace<Kind>();
  const std::size_t fields = fields_in<std::remove_reference_t<decltype(it)>>(version);
  from.in.require(members == header_members_in(version) + fields);
  if constexpr (requires { it.lowest; })
    it.lowest = it.highest = version; // unless it says more
  each_of_first(fields, layout(it), [&from](auto& field) { read(from, field); });
}

using body_reader = void (*)(frame_reader&, std::size_t, std::uint8_t, message&);

template <std::size_t... Kind>
constexpr std::array<body_reader, sizeof...(Kind)> readers(std::index_sequence<Kind...>) {
  return {&read_body<Kind>...};
}

constexpr auto body_readers = readers(std::make_index_sequence<std::variant_size_v<message>>{});

error problem_of(const msgpack_reader& in) {
  switch (in.problem()) {
    case errc::unsupported_version:
      return {in.problem(), "Versions " + std::to_string(protocol_version_min) + " and " +
                                std::to_string(protocol_version) + " are."};
    case errc::too_large:
      return {in.problem(), "A list in a frame has more members than a frame may hold."};
    default:
      return {in.problem(), {}};
  }
}

} // namespace

slice encode_frame(const frame_header& header, const message& body, std::uint8_t version) {
  const std::size_t size = frame_bound(header, body);
  const auto memory = std::make_shared_for_overwrite<char[]>(size);
  msgpack_writer out{memory.get(), size};
  std::visit(
      [&](const auto& each) {
        const std::size_t fields = fields_in<std::decay_t<decltype(each)>>(version);
        out.array(header_members_in(version) + fields);
        out.number(version);
        out.number(body.index());
        const auto put = [&out](const auto& field) { write(out, field); };
        each_of_first(header_members_in(version) - 2, header_layout(header), put);
        each_of_first(fields, layout(each), put);
      },
      body);
  return slice{memory, {memory.get(), out.written()}};
}

result<frame> decode_frame(const slice& bytes) {
  if (bytes.size() > limits::frame_bytes_max)
    return error{errc::too_large,
                 "A frame has at most " + std::to_string(limits::frame_bytes_max) + " bytes."};
  frame_reader from{msgpack_reader{bytes.view()}, bytes};
  frame_peek peek;
  const std::size_t members = read_header(from, peek);
  frame read{std::move(peek.header), {}};
  body_readers[peek.kind](from, members, peek.version, read.body);
  from.in.close();
  from.in.require(from.in.at_end());
  if (from.in.failed())
    return problem_of(from.in);
  return read;
}

result<frame_peek> peek_frame(std::string_view bytes) {
  const slice unowned{nullptr, bytes};
  frame_reader from{msgpack_reader{bytes}, unowned};
  frame_peek peek;
  read_header(from, peek);
  if (from.in.failed())
    return problem_of(from.in);
  return peek;
}

result<slice> in_version(const slice& bytes, std::uint8_t version) {
  const auto read = decode_frame(bytes);
  if (!read)
    return read.error();
  return encode_frame(read->header, read->body, version);
}

result<void> frame_check(const frame_header& header, const message& body) {
  if (const errc code = std::visit([](const auto& each) { return check_all(layout(each)); }, body);
      code != errc::none)
    return code;
  if (frame_bound(header, body) > limits::frame_bytes_max)
    return error{errc::too_large,
                 "A frame has at most " + std::to_string(limits::frame_bytes_max) + " bytes."};
  return {};
}

} // namespace skein
