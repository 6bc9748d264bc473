#include "nodes/http/http_connection.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

namespace skein {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
/// Reads in one go before other connections get their turn.
constexpr int reads_max = 4;
/// Of the buffers of a connection that reads nothing.
constexpr std::size_t worth_keeping = 4'096;
} // namespace

http_connection::http_connection(std::shared_ptr<http_core> core, asio::ip::tcp::socket socket,
                                 const peer_key& peer, admitted as, std::string from)
  : core_{std::move(core)}, socket_{std::move(socket), core_->identity.context}, peer_{peer},
    admitted_{as}, from_{std::move(from)}, started_{clock::now()} {}

void http_connection::start() {
  error_code ignored;
  socket_.raw().set_option(asio::ip::tcp::no_delay{true}, ignored);
  if (core_->settings.send_buffer > 0)
    socket_.raw().set_option(asio::socket_base::send_buffer_size{core_->settings.send_buffer},
                             ignored);
  if (admitted_ != admitted::no)
    pump();
  else if (socket_.is_secured())
    close(); // a handshake costs more than a word is worth
  else
    fail_request({errc::no_capacity, "The server has as many connections as it may."});
}

void http_connection::append_metrics(std::string& page) const {
  append_http_metrics(page, core_->counters,
                      {core_->doors.normal(), core_->doors.reserved(), core_->streams,
                       core_->body_memory, core_->response_memory});
}

std::function<void(exchange::task)> http_connection::courier() {
  return [core = core_, weak = weak_from_this(), number = request_number_](task work) {
    asio::post(core->io, [weak, number, work = std::move(work)] {
      const auto self = weak.lock();
      if (self && self->phase_ == phase::handling && self->request_number_ == number)
        work(*self);
    });
  };
}

void http_connection::pump() {
  if (pumping_)
    return;
  pumping_ = true;
  while (step()) {}
  pumping_ = false;
}

bool http_connection::step() {
  switch (phase_) {
    case phase::shaking:
      return step_shaking();
    case phase::reading:
      return step_reading();
    case phase::writing:
      return step_writing();
    case phase::streaming:
      return step_streaming();
    case phase::lingering:
      input_ = {};
      wait_readable();
      return false;
    case phase::handling:
    case phase::closed:
      return false;
  }
  return false;
}

// -- reading -------------------------------------------------------------------------------------

bool http_connection::step_reading() {
  if (reader_.at() == request_reader::stage::head || reader_.at() == request_reader::stage::body) {
    if (input_.empty()) {
      wait_readable();
      return false;
    }
    if (!reader_.started())
      started_ = clock::now();
    input_.remove_prefix(reader_.feed(input_));
    account_body();
  }
  switch (reader_.at()) {
    case request_reader::stage::headed:
      make_plan();
      break;
    case request_reader::stage::complete:
      dispatch();
      break;
    case request_reader::stage::failed:
      fail_request(reader_.problem());
      break;
    case request_reader::stage::head:
    case request_reader::stage::body:
      break;
  }
  return true;
}

void http_connection::wait_readable() {
  if (waits_read_)
    return;
  waits_read_ = true;
  socket_.wait_read([self = shared_from_this()](const error_code& problem) {
    self->waits_read_ = false;
    if (!problem && self->phase_ != phase::closed)
      self->on_readable();
  });
}

void http_connection::on_readable() {
  for (int i = 0; i < reads_max; ++i) {
    const bool discards = phase_ == phase::streaming || phase_ == phase::lingering;
    if (!discards && (phase_ != phase::reading || !input_.empty()))
      break;
    error_code problem;
    const std::size_t size = socket_.read_some(asio::buffer(core_->scratch), problem);
    if (problem == asio::error::would_block)
      break;
    if (problem)
      return on_input_end();
    if (!discards)
      input_ = {core_->scratch.data(), size};
    pump();
    if (size < core_->scratch.size())
      break; // most likely that was all
  }
  if (!input_.empty() && input_.data() != kept_.data()) { // the scratch is for the others now
    std::string kept{input_};
    kept_ = std::move(kept);
    input_ = kept_;
  }
  pump();
}

void http_connection::on_input_end() {
  if (phase_ == phase::reading && reader_.started())
    fail_request({errc::invalid_request, "The connection ended within the request."});
  else
    close();
}

void http_connection::make_plan() {
  const plan_context context{core_->hosts,
                             {core_->api.tokens(), core_->hosts.loopback, core_->api.now()},
                             core_->draining,
                             admitted_ == admitted::reserved,
                             core_->api.event_bounds().event_bytes,
                             core_->settings.batch_bytes_max};
  plan_ = plan_request(reader_.head(), context);
  plan_.request.by.from = from_;
  if (plan_.refusal)
    note_refused_access();
  const request_head& head = reader_.head();
  const bool unwanted = plan_.refusal && (head.expects_continue || plan_.refusal->close ||
                                          head.content_length > plan_.body_limit);
  if (unwanted && head.has_body())
    return send(std::move(*plan_.refusal));
  reader_.read_body(plan_.body_limit);
  body_started_ = clock::now();
  if (reader_.at() == request_reader::stage::body && head.expects_continue && input_.empty())
    offer_continue();
}

/// What was shown is in no line: it may be somebody's token with a letter too many.
void http_connection::note_refused_access() {
  const bool forbidden = plan_.refused_role && plan_.refusal->status == status_of(errc::forbidden);
  if (!forbidden && plan_.refusal->status != status_of(errc::unauthorized))
    return;
  ++(forbidden ? core_->counters.forbidden : core_->counters.unauthorized);
  log_pace& pace = forbidden ? core_->forbidden_pace : core_->unauthorized_pace;
  const auto more = pace.next(boot_time{clock::now().time_since_epoch()});
  if (!more)
    return;
#ifdef SKEIN_BUG_TOKEN_IN_THE_LOG
  const std::string shown{reader_.head().field("authorization")};
#else
  const std::string shown;
#endif
  core_->log(http_log_level::warning, forbidden ? "http-forbidden" : "http-unauthorized",
             "A request from " + from_ + " was refused for want of a " +
                 (forbidden ? "role that allows it" : "valid token") + shown + *more + ".");
}

void http_connection::offer_continue() {
  constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
  error_code problem;
  // Nothing else is being written, so there is room for a line; a socket without is not served.
  if (socket_.write_some(text, {}, problem) != text.size())
    close();
}

void http_connection::dispatch() {
  if (plan_.refusal)
    return send(std::move(*plan_.refusal));
  if (core_->draining &&
      plan_.request.at->body != body_kind::none) // it began before the body was here
    return fail_request({errc::draining, ""});
  plan_.request.body = reader_.body();
  phase_ = phase::handling;
  plan_.request.at->handle(*this);
  release_body();
}

/// The handler has taken what it wants. A request that only waits must not keep others from
/// sending theirs.
void http_connection::release_body() {
  plan_.request.body = {};
  reader_.release_body(worth_keeping);
  account_body();
}

/// Answers and then closes: the rest of what was sent cannot or will not be read.
void http_connection::fail_request(const error& problem) {
  http_response response = plan_.refusal ? std::move(*plan_.refusal) : make_problem(problem);
  response.close = true;
  send(std::move(response));
}

void http_connection::account_body() {
  const std::size_t now = reader_.body_memory();
  core_->body_memory += now;
  core_->body_memory -= accounted_;
  const bool grew = now > accounted_;
  accounted_ = now;
  if (grew && core_->body_memory > core_->settings.body_memory_max &&
      reader_.at() == request_reader::stage::body)
    fail_request({errc::no_capacity, "Too many large requests are arriving at once."});
}

// -- writing -------------------------------------------------------------------------------------

void http_connection::respond(http_response response) {
  SKEIN_CHECK(phase_ == phase::handling);
  send(std::move(response));
}

/// A POST may have been committed: its answer is given whatever it costs. The reserved routes are
/// what an operator sees the trouble by.
bool http_connection::may_be_put_off() const {
  const route* at = plan_.request.at;
  return at != nullptr && at->method == "GET" && at->audience == route_class::normal;
}

void http_connection::send(http_response response) {
  const bool too_much =
      core_->response_memory + response.body.size() > core_->settings.response_memory_max;
  if (too_much && may_be_put_off()) {
    response =
        make_problem({errc::no_capacity, "Too many large responses are being read at once."});
    response.close = true;
  }
  const bool whole = reader_.at() == request_reader::stage::complete;
  const request_head& head = reader_.head(); // empty when it is malformed
  close_after_ = response.close || !whole || !head.keep_alive || core_->draining ||
                 core_->stopping || admitted_ != admitted::normal;
  head_options options;
  options.now = core_->api.now();
  options.keep_alive = !close_after_;
  options.http_1_0 = head.http_1_0;
  out_head_ = write_head(response, options);
  out_body_ = head.method == "HEAD" ? std::string{} : std::move(response.body);
  core_->response_memory += out_body_.size();
  out_sent_ = 0;
  count_response(response.status);
  phase_ = phase::writing;
  write_started_ = progress_ = clock::now();
  pump();
}

void http_connection::count_response(int status) {
  constexpr std::string_view other = "other";
  const route* at = plan_.request.at;
  ++core_->counters.responses[{at != nullptr ? at->method : other,
                               at != nullptr ? at->pattern : other, status}];
}

bool http_connection::step_writing() {
  if (!flush())
    return false;
  core_->response_memory -= out_body_.size();
  std::string{}.swap(out_body_); // assigning an empty one would keep the memory
  if (close_after_)
    linger();
  else
    finish_response();
  return true;
}

bool http_connection::flush() {
  const std::size_t total = out_head_.size() + out_body_.size();
  while (out_sent_ < total) {
    const std::size_t of_head = std::min(out_sent_, out_head_.size());
    const std::size_t of_body = out_sent_ - of_head;
    error_code problem;
    const std::size_t size =
        socket_.write_some(std::string_view{out_head_}.substr(of_head),
                           std::string_view{out_body_}.substr(of_body), problem);
    if (problem == asio::error::would_block) {
      wait_writable();
      return false;
    }
    if (problem) {
      close();
      return false;
    }
    out_sent_ += size;
    progress_ = clock::now();
    if (feed_) {
      const std::size_t credit = std::min(size, uncredited_);
      uncredited_ -= credit;
      if (feed_->sent(credit))
        core_->api.resume(subscription_);
    }
  }
  return true;
}

void http_connection::wait_writable() {
  if (waits_write_)
    return;
  waits_write_ = true;
  socket_.wait_write([self = shared_from_this()](const error_code& problem) {
    self->waits_write_ = false;
    if (!problem)
      self->pump();
  });
}

void http_connection::finish_response() {
  out_head_.clear();
  plan_ = {};
  ++request_number_;
  if (input_.empty())
    std::string{}.swap(kept_);
  reader_.restart();
  reader_.release_memory(worth_keeping);
  account_body();
  started_ = clock::now();
  phase_ = phase::reading;
}

/// Half-closes and reads on for a while: closing with unread bytes would make the peer's system
/// throw the response away.
void http_connection::linger() {
  if (core_->stopping)
    return close();
  socket_.end_writing();
  started_ = clock::now();
  phase_ = phase::lingering;
}

// -- ending --------------------------------------------------------------------------------------

void http_connection::close() {
  if (phase_ == phase::closed)
    return;
  end_subscription();
  if (phase_ == phase::writing)
    core_->response_memory -= out_body_.size();
  phase_ = phase::closed;
  input_ = {};
  core_->body_memory -= accounted_;
  if (admitted_ == admitted::no)
    --core_->turned_away;
  else
    core_->doors.leave(peer_, admitted_);
  socket_.close();
  core_->connections.erase(shared_from_this());
}

void http_connection::drain() {
  if (phase_ == phase::streaming)
    pump();
}

void http_connection::stop() {
  if (phase_ == phase::streaming)
    pump();
  else if (phase_ == phase::writing)
    close_after_ = true;
  else if (phase_ != phase::handling) // what is with the engine is about to be answered
    close();
}

} // namespace skein
