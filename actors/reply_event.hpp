// A reply is part of its turn's completion. It also becomes an event of this type if, and only if,
// a route names the type literally: globs never match it, so an echo cannot answer itself. The
// reply to such an event is a reply and nothing more, for the same reason.
#pragma once

#include "actors/settings.hpp"
#include "protocol/event.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace skein {

inline constexpr std::string_view reply_event_type = "skein.reply";

/// Whether some route asks for replies as events.
inline bool routes_replies(const std::vector<route_settings>& routes) {
  return std::any_of(routes.begin(), routes.end(),
                     [](const route_settings& each) { return each.type == reply_event_type; });
}

/// The reply of `delivery` ("17-42.bot") as an event; source, key and trace are its cause's to add.
inline event make_reply_event(const std::string& delivery, data_kind kind, std::string data) {
  event made;
  made.id = delivery + ".reply";
  made.type = reply_event_type;
  made.datacontenttype = kind == data_kind::json   ? "application/json"
                         : kind == data_kind::text ? "text/plain; charset=utf-8"
                                                   : "application/octet-stream";
  made.kind = kind;
  made.data = std::move(data);
  return made;
}

} // namespace skein
