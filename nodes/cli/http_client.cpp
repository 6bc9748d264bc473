#include "nodes/cli/http_client.hpp"

#include "nodes/config/version.hpp"
#include "protocol/limits.hpp"
#include "protocol/result.hpp"

#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <fmt/format.h>

#include <csignal>
#include <type_traits>

namespace skein::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

bool is_address(const std::string& host) {
  beast::error_code problem;
  asio::ip::make_address(host, problem);
  return !problem;
}

using plain_stream = beast::tcp_stream;
using tls_stream = beast::ssl_stream<beast::tcp_stream>;

/// One request over one connection. Each step is asynchronous below, so that its time limit and
/// Ctrl-C end it, and waited for here.
template <class Stream>
class one_exchange {
 public:
  template <class... Context>
  one_exchange(const server_url& server, const http_request& request, duration patience,
               Context&... context)
    : server_{server}, request_{request}, stream_{io_, context...}, signals_{io_, SIGINT} {
    socket().expires_after(patience);
    signals_.async_wait([this](const beast::error_code& code, int) {
      if (code)
        return;
      interrupted_ = true;
      socket().cancel();
    });
  }

  std::variant<http_answer, http_failure> run() {
    if (const auto code = connect())
      return failed(code);
    if (const auto code = secure())
      return not_trusted(code);
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
    return wait([&](auto done) { socket().async_connect(found, std::move(done)); });
  }

  /// Nothing without TLS.
  beast::error_code secure() {
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      stream_.set_verify_mode(asio::ssl::verify_peer);
      stream_.set_verify_callback(asio::ssl::host_name_verification(server_.host));
      if (!is_address(server_.host)) // who it is for, where one listener has several names
        SSL_ctrl(stream_.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(server_.host.c_str()));
      return wait([&](auto done) {
        stream_.async_handshake(asio::ssl::stream_base::client, std::move(done));
      });
    }
    return {};
  }

  http_failure not_trusted(const beast::error_code& code) {
    http_failure out = failed(code);
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      if (out.kind == failure_kind::interrupted || code == beast::error::timeout)
        return out;
      out.kind = failure_kind::untrusted;
      const long verdict = SSL_get_verify_result(stream_.native_handle());
      if (verdict != X509_V_OK)
        out.why = X509_verify_cert_error_string(verdict);
    }
    return out;
  }

  beast::tcp_stream& socket() { return beast::get_lowest_layer(stream_); }

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
  Stream stream_;
  asio::signal_set signals_;
  beast::flat_buffer buffer_;
  bool connected_ = false;
  bool interrupted_ = false;
};

result<void> load(asio::ssl::context& context, const trust& whom) {
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                      asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
  beast::error_code problem;
  if (whom.ca_file.empty())
    context.set_default_verify_paths(problem);
  else
    context.load_verify_file(whom.ca_file, problem);
  if (problem)
    return error{errc::invalid_argument,
                 fmt::format("the file of authorities {}: {}", whom.ca_file, problem.message())};
  if (whom.client_cert.empty())
    return {};
  context.use_certificate_chain_file(whom.client_cert, problem);
  if (!problem)
    context.use_private_key_file(whom.client_cert, asio::ssl::context::pem, problem);
  if (problem)
    return error{errc::invalid_argument,
                 fmt::format("the certificate {}: {}", whom.client_cert, problem.message())};
  return {};
}

} // namespace

std::variant<http_answer, http_failure> exchange(const server_url& server, const trust& whom,
                                                 const http_request& request, duration patience) {
  try {
    if (!server.secured)
      return one_exchange<plain_stream>{server, request, patience}.run();
    asio::ssl::context context{asio::ssl::context::tls_client};
    if (const auto loaded = load(context, whom); !loaded)
      return http_failure{failure_kind::untrusted, loaded.error().detail, false};
    return one_exchange<tls_stream>{server, request, patience, context}.run();
  } catch (const std::exception& problem) {
    // The system gave no socket or no memory; nothing was sent.
    return http_failure{failure_kind::unreachable, problem.what(), false};
  }
}

} // namespace skein::cli
