#include "nodes/cli/http_client.hpp"

#include "nodes/config/version.hpp"
#include "protocol/limits.hpp"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include <csignal>

namespace skein::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

/// One request over one connection. Each step is asynchronous below, so that its time limit and
/// Ctrl-C end it, and waited for here.
class one_exchange {
 public:
  one_exchange(const server_url& server, const http_request& request, duration patience)
    : server_{server}, request_{request}, stream_{io_}, signals_{io_, SIGINT} {
    stream_.expires_after(patience);
    signals_.async_wait([this](const beast::error_code& code, int) {
      if (code)
        return;
      interrupted_ = true;
      stream_.cancel();
    });
  }

  std::variant<http_answer, http_failure> run() {
    if (const auto code = connect())
      return failed(code);
    if (const auto code = write())
      return failed(code);
    http::response_parser<http::string_body> parser;
    parser.body_limit(limits::cli_answer_bytes_max);
    if (const auto code = read(parser))
      return failed(code);
    const auto& response = parser.get();
    return http_answer{response.result_int(), std::string{response[http::field::content_type]},
                       std::string{response[http::field::retry_after]}, response.body()};
  }

 private:
  /// Starts an operation and runs until it has ended.
  template <class Start>
  beast::error_code wait(Start start) {
    beast::error_code result;
    bool ended = false;
    start([&](const beast::error_code& code, auto&&...) {
      result = code;
      ended = true;
    });
    while (!ended)
      io_.run_one();
    return result;
  }

  beast::error_code connect() {
    beast::error_code code;
    asio::ip::tcp::resolver resolver{io_};
    const auto found = resolver.resolve(server_.host, server_.port, code);
    if (code)
      return code;
    return wait([&](auto done) { stream_.async_connect(found, std::move(done)); });
  }

  beast::error_code write() {
    connected_ = true;
    http::request<http::string_body> message;
    message.method_string(request_.method);
    message.target(server_.prefix + request_.target);
    message.version(11);
    message.set(http::field::host, server_.authority());
    message.set(http::field::user_agent, fmt::format("skein/{}", version()));
    message.set(http::field::accept, "application/json");
    message.set(http::field::connection, "close");
    for (const auto& [name, value] : request_.fields)
      message.set(name, value);
    message.body() = request_.body;
    if (!request_.body.empty() || request_.method != "GET")
      message.prepare_payload();
    const auto code =
        wait([&](auto done) { http::async_write(stream_, message, std::move(done)); });
    // A server may answer and close before it has read the whole of a body that it refuses.
    const bool closed = code == asio::error::broken_pipe || code == asio::error::connection_reset;
    return closed ? beast::error_code{} : code;
  }

  beast::error_code read(http::response_parser<http::string_body>& parser) {
    return wait([&](auto done) { http::async_read(stream_, buffer_, parser, std::move(done)); });
  }

  http_failure failed(const beast::error_code& code) const {
    http_failure out;
    out.sent = connected_;
    out.why = code.message();
    if (interrupted_)
      out.kind = failure_kind::interrupted;
    else if (code == http::error::body_limit)
      out.kind = failure_kind::too_large;
    else if (connected_)
      out.kind = code == beast::error::timeout ? failure_kind::timed_out : failure_kind::broken;
    return out;
  }

  const server_url& server_;
  const http_request& request_;
  asio::io_context io_;
  beast::tcp_stream stream_;
  asio::signal_set signals_;
  beast::flat_buffer buffer_;
  bool connected_ = false;
  bool interrupted_ = false;
};

} // namespace

std::variant<http_answer, http_failure> exchange(const server_url& server,
                                                 const http_request& request, duration patience) {
  try {
    return one_exchange{server, request, patience}.run();
  } catch (const std::exception& problem) {
    // The system gave no socket or no memory; nothing was sent.
    return http_failure{failure_kind::unreachable, problem.what(), false};
  }
}

} // namespace skein::cli
