// Binary mode: attributes in HTTP headers, the body as the data.
#include "protocol/attributes.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/json_reader.hpp"
#include "protocol/media_type.hpp"
#include "protocol/text.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>

namespace skein {

namespace {

constexpr std::string_view prefix = "ce-";

error wrong(std::string_view name, std::string_view what) {
  return {errc::invalid_event, std::string{name}.append(" ").append(what)};
}

std::string lower_case(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c | 0x20);
  return out;
}

/// What older senders do: the value as a quoted string of HTTP. False if its end is missing.
bool unquote(std::string_view text, std::string& out) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"')
      return i + 1 == text.size();
    if (text[i] == '\\' && ++i == text.size())
      return false;
    out += text[i];
  }
  return false;
}

/// %XX to the byte it means, in place. False if a % is not followed by two such digits.
bool percent_decode(std::string& text) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      text[out++] = text[i];
      continue;
    }
    if (text.size() - i < 3)
      return false;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0)
      return false;
    text[out++] = static_cast<char>(high * 16 + low);
    i += 2;
  }
  text.resize(out);
  return true;
}

result<std::string> attribute_value(std::string_view name, std::string_view header) {
  header = trimmed(header, blanks);
  std::string text;
  if (!header.starts_with('"'))
    text = header;
  else if (!unquote(header, text))
    return wrong(name, "has a quote that does not end.");
  if (!percent_decode(text))
    return wrong(name, "has a % without two hexadecimal digits; write a % itself as %25.");
  if (!is_utf8(text))
    return wrong(name, "must be UTF-8.");
  return text;
}

/// The attributes as the headers come in.
class header_reader {
 public:
  result<void> take(std::string_view header, std::string_view content) {
    const std::string name = lower_case(header);
    if (name == "content-type")
      return take_content_type(content);
    if (!name.starts_with(prefix))
      return {};
    return take_attribute(std::string_view{name}.substr(prefix.size()), content);
  }

  result<event> finish(std::string_view body) {
    if (!version_)
      return wrong("specversion", "is required; the header ce-specversion must be 1.0.");
    if (*version_ != "1.0")
      return wrong("specversion", "must be 1.0, the version that is spoken here.");
    struct required {
      std::string_view name;
      std::optional<std::string>& from;
      std::string& to;
    };
    for (auto& [name, from, to] :
         {required{"id", id_, value_.id}, required{"source", source_, value_.source},
          required{"type", type_, value_.type}}) {
      if (!from || from->empty())
        return wrong(name, "is required and must not be empty; it is the header ce-" +
                               std::string{name} + ".");
      to = std::move(*from);
    }
    if (auto checked = check_time(value_); !checked)
      return checked.error();
    if (auto taken = take_body(body); !taken)
      return taken.error();
    return std::move(value_);
  }

 private:
  result<void> take_content_type(std::string_view content) {
    content = trimmed(content, blanks);
    if (value_.datacontenttype)
      return error{errc::invalid_event, "The header content-type is there twice."};
    if (content.empty())
      return {};
    if (!is_media_type(content) || !is_utf8(content))
      return wrong("datacontenttype", "must be a media type, such as application/json; it is the "
                                      "header content-type.");
    value_.datacontenttype = content;
    return {};
  }

  result<void> take_attribute(std::string_view name, std::string_view content) {
    auto text = attribute_value(name, content);
    if (!text)
      return text.error();
    if (name == "datacontenttype")
      return wrong(name, "is the header content-type in binary mode, not ce-datacontenttype.");
    if (auto* known = known_attribute(name)) {
      if (*known)
        return wrong(name, "is there twice.");
      *known = *std::move(text);
      return {};
    }
    if (auto checked = check_extension_name(name); !checked)
      return checked;
    if (value_.text_extension(name) != nullptr)
      return wrong(name, "is there twice.");
    if (value_.extensions.size() == limits::extensions_max)
      return error{errc::too_large, "The event has more than " +
                                        std::to_string(limits::extensions_max) +
                                        " extension attributes."};
    value_.set_extension(std::string{name}, *std::move(text));
    return {};
  }

  std::optional<std::string>* known_attribute(std::string_view name) {
    return name == "specversion"  ? &version_
           : name == "id"         ? &id_
           : name == "source"     ? &source_
           : name == "type"       ? &type_
           : name == "subject"    ? &value_.subject
           : name == "time"       ? &value_.time
           : name == "dataschema" ? &value_.dataschema
                                  : nullptr;
  }

  result<void> take_body(std::string_view body) {
    if (body.empty())
      return {};
    const auto& type = value_.datacontenttype;
    if (!type || is_json_type(*type)) {
      json_reader in{body};
      value_.data = in.value(); // without the space around it, as in structured mode
      in.finish();
      value_.kind = data_kind::json;
      if (!in.failed())
        return {};
      if (type) // without a type nothing was claimed
        return error{errc::data_not_json, "datacontenttype is " + *type +
                                              ", but the body is not JSON. " + in.problem().detail};
    }
    const bool is_text = type && is_text_type(*type) && is_utf8(body);
    value_.kind = is_text ? data_kind::text : data_kind::binary;
    value_.data = body;
    return {};
  }

  event value_;
  std::optional<std::string> version_;
  std::optional<std::string> id_;
  std::optional<std::string> source_;
  std::optional<std::string> type_;
};

} // namespace

result<event> read_binary(const header_list& headers, std::string_view body) {
  header_reader reader;
  for (const auto& [name, content] : headers)
    if (auto taken = reader.take(name, content); !taken)
      return taken.error();
  return reader.finish(body);
}

} // namespace skein
