// One request on its way to its one response, as handlers see it. All of it runs on the server's
// thread; `back` is the way home for the engine's callbacks.
#pragma once

#include "actors/api.hpp"
#include "nodes/http/http_framing.hpp"
#include "nodes/http/http_response.hpp"
#include "nodes/http/http_target.hpp"
#include "nodes/http/problem.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace skein {

struct route;

/// In normal form, checked as far as its route says. Valid until the response is given.
struct http_request {
  const route* at = nullptr;
  const request_head* head = nullptr;
  std::string parameter; // what {...} of the route's pattern matched, decoded
  query_list query;      // names the route knows, values as its rules say
  caller by;             // who asks; empty of a route that anybody may ask
  std::string_view body; // until the handler returns; callbacks must not look at it
};

class exchange {
 public:
  using task = std::function<void(exchange&)>;

  virtual const http_request& request() const = 0;
  virtual node_api& api() = 0;
  virtual bool draining() const = 0;
  /// Adds the server's own metrics to a page.
  virtual void append_metrics(std::string& page) const = 0;

  /// Exactly once, unless open_stream was called.
  virtual void respond(http_response response) = 0;
  /// Answers with the event stream, or with a problem if there are too many.
  virtual void open_stream(stream_filter filter) = 0;

  void refuse(const error& problem, const problem_extras& extras = {}) {
    respond(make_problem(problem, extras));
  }

  /// A callback for the engine, callable from any thread: runs `then` here, or not at all if the
  /// connection is gone by then.
  template <class Value, class Then>
  std::function<void(Value)> back(Then then) {
    return [home = courier(), then = std::move(then)](Value value) {
      home([then, value = std::move(value)](exchange& self) mutable {
        then(self, std::move(value));
      });
    };
  }

 protected:
  ~exchange() = default;
  /// Hands a task to the server's thread; callable from any thread, at any time.
  virtual std::function<void(task)> courier() = 0;
};

} // namespace skein
