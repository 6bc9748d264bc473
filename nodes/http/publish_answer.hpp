// From the engine's word on a publish to the response.
#pragma once

#include "actors/api.hpp"
#include "nodes/http/http_response.hpp"

#include <span>

namespace skein {

/// `bodies` are the encoded events in the order of the reply's members. All durable: 202. Else a
/// problem that names each member as accepted, refused or unknown:
///   an unknown one            500 unknown
///   only conflicts            409 identity-conflict
///   else                      the code of the refusal; 503 for "not now" when some are accepted
http_response answer_publish(std::span<const slice> bodies, const publish_reply& reply);

} // namespace skein
