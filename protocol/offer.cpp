// From a read event to an offered one: the checks at the door, the times, the hashes.
#include "protocol/attributes.hpp"
#include "protocol/event.hpp"
#include "protocol/siphash.hpp"

#include <algorithm>
#include <charconv>

namespace skein {

namespace {

error not_a_string(std::string_view name) {
  return {errc::invalid_event, std::string{name} + " must be a String."};
}

/// Our extension of that name: nullptr if absent; an error if it is there but no String, or empty.
result<const std::string*> text_of(const event& value, std::string_view name) {
  for (const auto& [each, content] : value.extensions) {
    if (each != name)
      continue;
    const auto* text = std::get_if<std::string>(&content);
    if (text == nullptr)
      return not_a_string(name);
    if (text->empty())
      return error{errc::invalid_event,
                   std::string{name} + " must not be empty; leave it out instead."};
    return text;
  }
  return static_cast<const std::string*>(nullptr);
}

/// `due` or `expires`: an instant, or "+" and a duration from acceptance on. `now` tells whether
/// such a time can be told at all.
std::optional<instant> read_instant(std::string_view text, instant now) {
  if (!text.starts_with('+'))
    return parse_rfc3339(text);
  const auto wait = parse_duration(text.substr(1));
  std::int64_t ns = 0;
  if (!wait || __builtin_add_overflow(to_ns(now), wait->count(), &ns))
    return std::nullopt;
  return from_acceptance(*wait);
}

error wrong_time(std::string_view name, std::string_view text) {
  const bool waits = text.starts_with('+');
  if (waits ? parse_duration(text.substr(1)) || is_far_duration(text.substr(1))
            : is_far_rfc3339(text))
    return {errc::invalid_time,
            std::string{name} + " is too far away; the times there are end with the year 2261."};
  return {errc::invalid_time, std::string{name} +
                                  " must be RFC 3339, such as 2026-01-31T12:00:00Z, or + and a "
                                  "duration, such as +10s or +1h30m."};
}

/// The attribute's time as an offered event keeps it; `absent` says whether there was none, since
/// "+0s" reads as no_instant too.
result<instant> read_time(const event& value, std::string_view name, instant now, bool& absent) {
  const auto text = text_of(value, name);
  if (!text)
    return text.error();
  absent = *text == nullptr;
  if (absent)
    return no_instant;
  const auto at = read_instant(**text, now);
  if (!at)
    return wrong_time(name, **text);
  // An absolute time before 1970 would read as one from acceptance on.
  return (**text).starts_with('+') ? *at : std::max(*at, no_instant);
}

/// Whether such an event never runs. A repeat of one that is due so long after its acceptance, but
/// expires at a time of its own, may come close to that: it is not refused where it may be one.
bool ends_before_due(instant due, instant expires, instant now, late_event late) {
  if (late == late_event::keep && due < no_instant && expires >= no_instant)
    return false;
  return resolved(due, now) > now && resolved(expires, now) <= resolved(due, now);
}

result<void> read_times(const event& value, instant now, late_event late, offered_event& offered) {
  bool absent = false;
  const auto due = read_time(value, attribute::due, now, absent);
  if (!due)
    return due.error();
  // In the past = at once.
  offered.due = resolved(*due, now) > now ? *due : no_instant;

  const auto expires = read_time(value, attribute::expires, now, absent);
  if (!expires)
    return expires.error();
  const bool can_be_repeat = late == late_event::keep && *expires > no_instant;
  if (const instant at = resolved(*expires, now); !absent && at <= now && !can_be_repeat)
    return error{errc::invalid_time, "expires lies in the past (" +
                                         **text_of(value, attribute::expires) + ", now it is " +
                                         format_rfc3339(now) + "); it must be later than now."};
  if (!absent && ends_before_due(*due, *expires, now, late))
    return error{errc::invalid_time,
                 "expires is not after due (" + format_rfc3339(resolved(*expires, now)) + " and " +
                     format_rfc3339(resolved(*due, now)) + "), so that the event would never run."};
  offered.expires = *expires;
  return {};
}

result<void> read_priority(const event& value, offered_event& offered) {
  const auto text = text_of(value, attribute::priority);
  if (!text)
    return text.error();
  const auto priority = *text == nullptr ? default_priority(value.type) : parse_priority(**text);
  if (!priority)
    return error{errc::invalid_event,
                 "priority must be one of people, hook, job, background, replay."};
  offered.priority = *priority;
  return {};
}

result<void> read_hops(const event& value, offered_event& offered) {
  const auto text = text_of(value, attribute::hops);
  if (!text)
    return text.error();
  if (*text == nullptr)
    return {};
  const char* end = (*text)->data() + (*text)->size();
  const auto [stopped, problem] = std::from_chars((*text)->data(), end, offered.hops);
  if (problem != std::errc{} || stopped != end)
    return error{errc::invalid_event, "skeinhops must be a String of a whole number."};
  if (offered.hops > limits::hops_max)
    return error{errc::too_many_hops, "skeinhops is " + std::to_string(offered.hops) +
                                          "; at most " + std::to_string(limits::hops_max) +
                                          " emits may follow from each other."};
  return {};
}

hash128 identity_of(const event& value, std::string_view key, const hash_settings& hash) noexcept {
  siphasher hasher{hash.seed_high, hash.seed_low};
  hasher.add_field(key);
  hasher.add_field(value.source);
  hasher.add_field(value.id);
  return hasher.finish();
}

void add_optional(siphasher& hasher, const std::optional<std::string>& text) noexcept {
  hasher.add_byte(text ? 1 : 0);
  if (text)
    hasher.add_field(*text);
}

/// By its text, which is all that binary mode carries: "5" and 5 are the same content.
void add_value(siphasher& hasher, const extension_value& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    hasher.add_field(*text);
  else if (const auto* number = std::get_if<std::int32_t>(&value))
    hasher.add_field(std::to_string(*number));
  else
    hasher.add_field(std::get<bool>(value) ? "true" : "false");
}

/// Two events of one identity are duplicates if this agrees. Without `time` and the trace context,
/// which a sender makes anew when it sends again.
std::uint64_t content_of(const event& value, std::string_view key, const hash_settings& hash) {
  siphasher hasher{hash.seed_high, hash.seed_low};
  hasher.add_field(value.type);
  add_optional(hasher, value.subject);
  hasher.add_field(key);
  add_optional(hasher, value.datacontenttype);
  add_optional(hasher, value.dataschema);
  hasher.add_byte(static_cast<std::uint8_t>(value.kind));
  hasher.add_field(value.data);
  for (const auto& [name, content] : value.extensions) {
    if (name == attribute::traceparent || name == attribute::tracestate)
      continue;
    hasher.add_field(name);
    add_value(hasher, content);
  }
  return hasher.finish().high;
}

result<void> check_key(const event& value) {
  const auto text = text_of(value, attribute::partitionkey);
  return text ? result<void>{} : result<void>{text.error()};
}

} // namespace

shard_id shard_of(std::string_view key, const hash_settings& hash) noexcept {
  SKEIN_CHECK(hash.shards != 0);
  const std::uint64_t value = siphash128(key, hash.seed_high, hash.seed_low).high;
  return shard_id{static_cast<std::uint32_t>(value % hash.shards)};
}

event_print print_of(const event& value, const hash_settings& hash) {
  const std::string_view key = value.key();
  return {identity_of(value, key, hash), content_of(value, key, hash)};
}

result<offered_event> offer(const event& value, const hash_settings& hash,
                            const event_limits& bounds, instant now, late_event late) {
  offered_event offered;
  if (auto checked = check_attributes(value); !checked)
    return checked.error();
  if (auto checked = check_key(value); !checked)
    return checked.error();
  if (auto read = read_times(value, now, late, offered); !read)
    return read.error();
  if (auto read = read_priority(value, offered); !read)
    return read.error();
  if (auto read = read_hops(value, offered); !read)
    return read.error();

  std::string body = encode_event(value);
  if (body.size() > bounds.event_bytes)
    return error{errc::too_large, "The event has " + std::to_string(body.size()) +
                                      " bytes; at most " + std::to_string(bounds.event_bytes) +
                                      " are allowed."};
  const std::string_view key = value.key();
  offered.shard = shard_of(key, hash);
  const event_print print = print_of(value, hash);
  offered.identity = print.identity;
  offered.content = print.content;
  offered.body = slice{std::move(body)};
  return offered;
}

} // namespace skein
