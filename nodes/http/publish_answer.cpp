#include "nodes/http/publish_answer.hpp"

#include "nodes/http/problem.hpp"
#include "protocol/cloudevents.hpp"

namespace skein {

namespace {

enum class fate { accepted, refused, unknown };

fate fate_of(errc code) noexcept {
  switch (code) {
    case errc::none:
      return fate::accepted;
    case errc::unknown_outcome:
    case errc::io_error: // after the write call nothing is a definite no
    case errc::timed_out:
    case errc::internal:
      return fate::unknown;
    default:
      return fate::refused;
  }
}

void append_names(std::string& out, const event_head& head) {
  out.append("\"id\":");
  append_json_string(out, head.id);
  out.append(",\"source\":");
  append_json_string(out, head.source);
}

void append_accepted(std::string& out, const event_head& head, const publish_result& member) {
  out.append("\"event\":\"").append(to_string(member.event)).append("\",");
  append_names(out, head);
  out.append(",\"shard\":").append(std::to_string(raw(member.event.shard)));
  out.append(member.duplicate ? ",\"duplicate\":true}" : ",\"duplicate\":false}");
}

http_response all_accepted(std::span<const slice> bodies, const publish_reply& reply) {
  http_response response;
  response.status = 202;
  std::size_t names = 0;
  for (const slice& body : bodies) {
    const event_head head = read_head(body.view());
    names += head.id.size() + head.source.size();
  }
  response.body.reserve(names + bodies.size() * 80 + 32);
  response.body.append("{\"accepted\":[");
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    response.body.append(i == 0 ? "{" : ",{");
    append_accepted(response.body, read_head(bodies[i].view()), reply.members[i]);
  }
  response.body.append("]}");
  return response;
}

struct tally {
  std::size_t accepted = 0;
  std::size_t conflicts = 0;
  std::size_t unknown = 0;
  errc refused = errc::none; // the first that is no conflict
};

tally count(std::span<const publish_result> members) {
  tally out;
  for (const publish_result& each : members) {
    const fate what = fate_of(each.code);
    out.accepted += what == fate::accepted ? 1 : 0;
    out.unknown += what == fate::unknown ? 1 : 0;
    out.conflicts += each.code == errc::identity_conflict ? 1 : 0;
    if (what == fate::refused && each.code != errc::identity_conflict && out.refused == errc::none)
      out.refused = each.code;
  }
  return out;
}

errc overall(const tally& counts, errc given) {
  if (counts.unknown != 0)
    return errc::unknown_outcome;
  if (counts.refused != errc::none)
    return given != errc::none && given != errc::identity_conflict ? given : counts.refused;
  return errc::identity_conflict;
}

/// Of a batch that was accepted in part: 429 would blame the sender's rate although another owner
/// took its part, and 400 would say that nothing was taken.
int status_of_part(errc code) noexcept {
  const int own = status_of(code);
  if (own == 429)
    return 503;
  return own >= 400 && own < 500 ? 409 : own;
}

/// One of the three lists: {"index",...} for each member of that fate.
void append_list(std::string& out, std::string_view name, fate wanted,
                 std::span<const slice> bodies, std::span<const publish_result> members) {
  out.append(",\"").append(name).append("\":[");
  bool first = true;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (fate_of(members[i].code) != wanted)
      continue;
    out.append(first ? "{\"index\":" : ",{\"index\":").append(std::to_string(i)).append(",");
    first = false;
    const event_head head = read_head(bodies[i].view());
    if (wanted == fate::accepted) {
      append_accepted(out, head, members[i]);
      continue;
    }
    append_names(out, head);
    out.append(",\"code\":\"").append(slug(members[i].code)).append("\"");
    if (members[i].event) // of a conflict: the event that has this identity
      out.append(",\"event\":\"").append(to_string(members[i].event)).append("\"");
    out.append("}");
  }
  out.append("]");
}

} // namespace

http_response answer_publish(std::span<const slice> bodies, const publish_reply& reply) {
  std::vector<publish_result> members = reply.members;
  if (members.size() !=
      bodies.size()) // refused as a whole; a reply that fits nothing tells nothing
    members.assign(
        bodies.size(),
        publish_result{reply.code == errc::none ? errc::unknown_outcome : reply.code, false, {}});
  const tally counts = count(members);
  if (counts.accepted == members.size())
    return all_accepted(bodies, reply);

  const errc code = overall(counts, reply.code);
  problem_extras extras;
  extras.retry_after = reply.retry_after;
  if (counts.accepted != 0)
    extras.status = status_of_part(code);
  append_list(extras.members, "accepted", fate::accepted, bodies, members);
  append_list(extras.members, "refused", fate::refused, bodies, members);
  append_list(extras.members, "unknown", fate::unknown, bodies, members);
  const bool late = code == errc::invalid_time && reply.detail.empty();
  return make_problem(
      {code, late ? "expires lies in the past; it must be later than now." : reply.detail}, extras);
}

} // namespace skein
