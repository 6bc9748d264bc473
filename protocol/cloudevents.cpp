// Structured mode and batches, and what agents emit.
#include "protocol/cloudevents.hpp"

#include "protocol/attributes.hpp"
#include "protocol/json_reader.hpp"
#include "protocol/media_type.hpp"

#include <algorithm>
#include <charconv>

namespace skein {

namespace {

error wrong(std::string_view name, std::string_view what) {
  return {errc::invalid_event, std::string{name}.append(" ").append(what)};
}

error not_an_object() { return {errc::invalid_event, "An event must be a JSON object."}; }

/// What to say about the next value, which is of a type it must not be; nothing if it is not even
/// JSON, as that is then the problem.
result<void> refuse_value(json_reader& in, error problem) {
  in.value();
  return in.failed() ? result<void>{} : result<void>{std::move(problem)};
}

/// One event while its members come in.
class event_reader {
 public:
  explicit event_reader(json_reader& in) : in_{in} {}

  /// Takes one object. An emitted event may leave out specversion, id and source.
  result<event> read(bool is_emitted) {
    if (in_.next() != json_reader::type::object)
      if (auto refused = refuse_value(in_, not_an_object()); !refused)
        return refused.error();
    std::string_view name;
    if (!in_.open_object())
      return in_.problem();
    while (in_.member(name))
      if (auto taken = take_member(name); !taken)
        return taken.error();
    if (in_.failed())
      return in_.problem();
    if (auto checked = check_required(is_emitted); !checked)
      return checked.error();
    if (auto resolved = resolve_data(); !resolved)
      return resolved.error();
    sort_extensions();
    return std::move(value_);
  }

 private:
  result<void> take_member(std::string_view name) {
    if (name == "id")
      return take_text(name, value_.id);
    if (name == "source")
      return take_text(name, value_.source);
    if (name == "type")
      return take_text(name, value_.type);
    if (name == "data") {
      data_ = in_.value();
      return {};
    }
    if (name == "specversion")
      return take_version();
    if (name == "time")
      return take_text(name, value_.time);
    if (name == "subject")
      return take_text(name, value_.subject);
    if (name == "datacontenttype")
      return take_text(name, value_.datacontenttype);
    if (name == "dataschema")
      return take_text(name, value_.dataschema);
    if (name == "data_base64")
      return take_base64();
    return take_extension(name);
  }

  /// A string, copied to `to`; null leaves it as it is, for null means absent.
  template <class Text>
  result<void> take_text(std::string_view name, Text& to) {
    switch (in_.next()) {
      case json_reader::type::string:
        to = in_.string(buffer_);
        return {};
      case json_reader::type::null:
        in_.null();
        return {};
      default:
        return refuse_value(in_, wrong(name, "must be a String."));
    }
  }

  result<void> take_version() {
    std::optional<std::string> version;
    if (auto taken = take_text("specversion", version); !taken)
      return taken;
    has_version_ = version.has_value();
    if (version && *version != "1.0")
      return wrong("specversion", "must be \"1.0\", the version that is spoken here.");
    return {};
  }

  result<void> take_base64() {
    std::optional<std::string> text;
    if (auto taken = take_text("data_base64", text); !taken || !text)
      return taken;
    auto bytes = base64_decode(*text);
    if (!bytes)
      return wrong("data_base64", "must be base64 with padding and without white space.");
    has_base64_ = true;
    value_.kind = data_kind::binary;
    value_.data = *std::move(bytes);
    return {};
  }

  result<void> take_extension(std::string_view name) {
    if (auto checked = check_extension_name(name); !checked)
      return checked;
    if (value_.extensions.size() == limits::extensions_max)
      return error{errc::too_large, "The event has more than " +
                                        std::to_string(limits::extensions_max) +
                                        " extension attributes."};
    switch (in_.next()) {
      case json_reader::type::string:
        value_.extensions.emplace_back(name, std::string{in_.string(buffer_)});
        return {};
      case json_reader::type::boolean:
        value_.extensions.emplace_back(name, in_.boolean());
        return {};
      case json_reader::type::null:
        in_.null();
        return {};
      case json_reader::type::number:
        return take_number(name);
      default:
        return refuse_value(in_, wrong(name, "must be a String, a whole number of 32 bits or a "
                                             "Boolean; extensions have no other types."));
    }
  }

  result<void> take_number(std::string_view name) {
    const std::string_view digits = in_.number();
    if (in_.failed())
      return {}; // reported when the members end
    std::int32_t number = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem != std::errc{} || end != digits.data() + digits.size())
      return wrong(name, "must be a whole number from -2147483648 to 2147483647, or a String.");
    value_.extensions.emplace_back(name, number);
    return {};
  }

  result<void> check_required(bool is_emitted) const {
    if (!has_version_ && !is_emitted)
      return wrong("specversion", "is required; it must be \"1.0\".");
    if (value_.id.empty() && !is_emitted)
      return wrong("id", "is required and must not be empty.");
    if (value_.source.empty() && !is_emitted)
      return wrong("source", "is required and must not be empty.");
    if (value_.type.empty())
      return wrong("type", "is required and must not be empty.");
    return check_time(value_);
  }

  /// Only now, as datacontenttype may stand behind data.
  result<void> resolve_data() {
    if (has_base64_ && data_ == "null")
      return {}; // of the two, the one that has a value
    if (has_base64_ && !data_.empty())
      return wrong("data", "and data_base64 exclude each other; send one of them.");
    if (data_.empty())
      return {};
    const bool is_json = !value_.datacontenttype || is_json_type(*value_.datacontenttype);
    value_.kind = !is_json && data_[0] == '"' ? data_kind::text : data_kind::json;
    if (value_.kind == data_kind::json)
      value_.data = data_;
    else
      value_.data = json_reader{data_}.string(buffer_);
    return {};
  }

  void sort_extensions() {
    std::sort(value_.extensions.begin(), value_.extensions.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  json_reader& in_;
  event value_;
  std::string_view data_; // the member `data` as it was sent; empty if absent
  bool has_version_ = false;
  bool has_base64_ = false;
  std::string buffer_;
};

result<event> read_one(std::string_view json, bool is_emitted) {
  json_reader in{json};
  auto value = event_reader{in}.read(is_emitted);
  if (!value)
    return value;
  in.finish();
  if (in.failed())
    return in.problem();
  return value;
}

} // namespace

result<event> read_structured(std::string_view json) { return read_one(json, false); }

result<event> read_emit(std::string_view json) { return read_one(json, true); }

result<std::vector<event>> read_batch(std::string_view json) {
  json_reader in{json};
  std::vector<event> events;
  if (in.next() != json_reader::type::array)
    if (auto refused = refuse_value(in, {errc::invalid_event, "A batch must be a JSON array."});
        !refused)
      return refused.error();
  if (!in.open_array())
    return in.problem();
  while (in.element()) {
    if (events.size() == limits::batch_events_max)
      return error{errc::batch_too_large,
                   "A batch has at most " + std::to_string(limits::batch_events_max) + " events."};
    auto value = event_reader{in}.read(false);
    if (!value)
      return error{value.error().code,
                   "event " + std::to_string(events.size()) + ": " + value.error().detail};
    events.push_back(*std::move(value));
  }
  in.finish();
  if (in.failed())
    return in.problem();
  return events;
}

result<void> check_json(std::string_view text) {
  json_reader in{text};
  in.value();
  in.finish();
  return in.failed() ? result<void>{in.problem()} : result<void>{};
}

bool is_meant_as_json(std::string_view text) {
  const auto checked = check_json(text);
  return checked.ok() || checked.error().code == errc::too_deep;
}

} // namespace skein
