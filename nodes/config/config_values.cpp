#include "nodes/config/config_values.hpp"

#include "nodes/config/byte_size.hpp"
#include "nodes/config/nearest.hpp"
#include "nodes/config/read_value.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace skein {

namespace {

/// Required and optional keys have none; what stands in for an absent one is never used.
config_value default_value(const config_key& key) {
  if (key.fallback.empty())
    return std::string{};
  auto value = read_value(key, read_raw_value(key.fallback));
  SKEIN_CHECK(value.ok());
  return std::move(*value);
}

class section_check {
 public:
  section_check(const raw_section& raw, config_problems& problems)
    : raw_{raw}, problems_{problems}, out_{default_section(raw.section, raw.label)} {
    out_.at = raw.at;
  }

  configured_section check() && {
    for (const raw_member& member : raw_.members)
      check_member(member);
    for (configured& each : out_.values)
      if (!each.given && !each.wrong)
        check_absent(each);
    return std::move(out_);
  }

 private:
  void check_member(const raw_member& member) {
    const config_key* key = find_key(raw_.section, member.name);
    if (key == nullptr)
      return unknown(member);
    configured& into = *std::find_if(out_.values.begin(), out_.values.end(),
                                     [&](const configured& each) { return each.key == key; });
    into.at = member.value.at;
    if (auto value = read_value(*key, member.value); value.ok()) {
      into.value = std::move(*value);
      into.given = true;
      return;
    }
    into.wrong = true;
    const wrong_part part = wrong_part_of(*key, member.value);
#ifdef SKEIN_BUG_SECRET_IN_ERROR_TEXT
    const std::string read = described(part.value);
#else
    const std::string read = key->secret ? "a value that is not shown" : described(part.value);
#endif
    problems_.push_back({problem_level::error, part.value.at, where(member.name),
                         part.name.empty() ? fmt::format("read {}", read)
                                           : fmt::format("read {} as {}", read, part.name),
                         fmt::format("legal is {}", legal_values(*key))});
  }

  void check_absent(configured& value) {
    value.at = raw_.at;
    if (!value.key->fallback.empty() || value.key->optional)
      return;
    value.wrong = true;
    problems_.push_back({problem_level::error, raw_.at, where(value.key->name), "it is missing",
                         fmt::format("legal is {}", legal_values(*value.key))});
  }

  void unknown(const raw_member& member) {
    const auto names = key_names(raw_.section);
    const auto near = nearest(member.name, names);
    problems_.push_back({problem_level::error, member.at, where(member.name),
                         "there is no such key",
                         near ? fmt::format("did you mean {}?", *near)
                              : fmt::format("the keys are {}", fmt::join(names, ", "))});
  }

  std::string where(std::string_view name) const {
    return fmt::format("{} {}", out_.title(), name);
  }

  const raw_section& raw_;
  config_problems& problems_;
  configured_section out_;
};

} // namespace

std::string configured_section::title() const {
  if (section->form == section_form::named)
    return fmt::format("[{}.{}]", section->name, label);
  return std::string{section->written};
}

const configured& configured_section::operator[](std::string_view name) const {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const configured& each) { return each.key->name == name; });
  SKEIN_CHECK(found != values.end());
  return *found;
}

configured_section default_section(std::string_view name, std::string label) {
  configured_section out;
  out.section = find_section(name);
  SKEIN_CHECK(out.section != nullptr);
  out.label = std::move(label);
  for (const config_key& key : config_keys())
    if (key.section == name)
      out.values.push_back({&key, default_value(key), false, false, {}});
  return out;
}

config_values check_values(const raw_config& raw, config_problems& problems) {
  config_values out;
  for (const raw_section& each : raw.sections)
    out.push_back(section_check{each, problems}.check());
  for (const config_section& section : config_sections()) {
    const bool there = std::any_of(out.begin(), out.end(), [&](const configured_section& each) {
      return each.section == &section;
    });
    if (!there && section.form == section_form::once)
      out.push_back(default_section(section.name));
  }
  return out;
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out.append(1, '\\').append(1, c);
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

std::string to_toml(const config_value& value, value_kind kind) {
  struct visitor {
    value_kind kind;
    std::string operator()(const std::string& text) const { return toml_string(text); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const {
      return kind == value_kind::bytes ? toml_string(format_byte_size(number))
                                       : fmt::format("{}", number);
    }
    std::string operator()(double number) const {
      const std::string text = fmt::format("{}", number);
      return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
    }
    std::string operator()(duration span) const { return toml_string(format_duration(span)); }
    std::string operator()(const text_list& list) const {
      std::string out;
      for (const std::string& each : list)
        out.append(out.empty() ? "" : ", ").append(toml_string(each));
      return fmt::format("[{}]", out);
    }
    std::string operator()(const text_table& table) const {
      std::string out;
      for (const auto& [name, text] : table)
        out.append(out.empty() ? "" : ", ").append(name).append(" = ").append(toml_string(text));
      return fmt::format("{{{}}}", out);
    }
    std::string operator()(const any_value& any) const { return any.toml; }
  };
  return std::visit(visitor{kind}, value);
}

} // namespace skein
