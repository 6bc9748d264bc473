// POST /v1/events. A batch is validated whole before any of it is published; what is published is
// answered from what the engine saw become durable, nothing else.
#include "nodes/http/event_mode.hpp"
#include "nodes/http/handlers.hpp"
#include "nodes/http/publish_answer.hpp"
#include "nodes/http/routes.hpp"

#include "actors/jobs/job_record.hpp"
#include "protocol/cloudevents.hpp"

#include <memory>

namespace skein {

namespace {

result<std::vector<event>> read_events(const http_request& request, event_mode mode) {
  if (mode == event_mode::batch)
    return read_batch(request.body);
  auto one = mode == event_mode::structured ? read_structured(request.body)
                                            : read_binary(request.head->fields, request.body);
  if (!one)
    return one.error();
  std::vector<event> events;
  events.push_back(std::move(*one));
  return events;
}

/// The events of jobs come from nobody else: another one with the id of a run would keep it from
/// running.
result<offered_event> offer_one(const event& each, node_api& api, instant now) {
  if (each.source.starts_with(job_source({})))
    return error{errc::invalid_event,
                 "source: " + job_source("…") + " is that of Skein's own jobs"};
  return offer(each, api.hash(), api.event_bounds(), now, late_event::keep);
}

result<std::vector<offered_event>> offer_all(const std::vector<event>& events, event_mode mode,
                                             node_api& api) {
  const instant now = api.now();
  std::vector<offered_event> offers;
  offers.reserve(events.size());
  for (const event& each : events) {
    auto offered = offer_one(each, api, now);
    if (!offered && mode == event_mode::batch)
      return error{offered.error().code,
                   "event " + std::to_string(offers.size()) + ": " + offered.error().detail};
    if (!offered)
      return offered.error();
    offers.push_back(std::move(*offered));
  }
  return offers;
}

struct wait_request {
  bool wanted = false;
  duration time{0};
};

/// The outcome as the look-up shows it. Whatever goes wrong from here on, the event is accepted.
void describe(exchange& ex, event_id event, http_response accepted) {
  ex.api().ask(
      "event.describe", "{\"event\":\"" + to_string(event) + "\"}",
      ex.back<api_answer>([accepted = std::move(accepted)](exchange& self, api_answer answer) {
        if (answer.code != errc::none)
          return self.respond(accepted);
        http_response response;
        response.body = std::move(answer.body);
        self.respond(std::move(response));
      }));
}

void await_outcome(exchange& ex, event_id event, duration time, http_response accepted) {
  ex.api().await_event(
      event, time,
      ex.back<bool>([event, accepted = std::move(accepted)](exchange& self, bool ended) {
        if (ended)
          describe(self, event, accepted);
        else
          self.respond(accepted);
      }));
}

} // namespace

void post_events(exchange& ex) {
  const http_request& request = ex.request();
  const auto mode = event_mode_of(*request.head);
  if (!mode)
    return ex.refuse(mode.error());
  wait_request wait;
  if (const std::string* text = find_argument(request.query, "wait"); text != nullptr) {
    if (*mode == event_mode::batch)
      return ex.refuse({errc::invalid_argument, "wait is for a single event, not for a batch."});
    wait = {true, parse_duration(*text).value_or(duration{0})};
  }
  const auto events = read_events(request, *mode);
  if (!events)
    return ex.refuse(events.error());
  auto offers = offer_all(*events, *mode, ex.api());
  if (!offers)
    return ex.refuse(offers.error());
  if (offers->empty())
    return ex.respond(answer_publish({}, {}));

  std::vector<slice> bodies; // for the ids and sources of the answer; shares the offers' bytes
  bodies.reserve(offers->size());
  for (const offered_event& each : *offers)
    bodies.push_back(each.body);
  auto shared = std::make_shared<const std::vector<slice>>(std::move(bodies));
  ex.api().publish(std::move(*offers), ex.back<publish_reply>([shared, wait](exchange& self,
                                                                             publish_reply reply) {
    http_response response = answer_publish(*shared, reply);
    if (!wait.wanted || response.status != 202)
      return self.respond(std::move(response));
    await_outcome(self, reply.members.front().event, wait.time, std::move(response));
  }));
}

} // namespace skein
