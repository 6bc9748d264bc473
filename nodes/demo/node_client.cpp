#include "nodes/demo/node_client.hpp"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace skein::demo {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::uint64_t answer_bytes_max = 64 << 20;

} // namespace

struct node_client::impl {
  explicit impl(std::uint16_t to) : port{to} {}

  /// Starts an operation and runs until it has ended.
  template <class Start>
  bool wait(Start start) {
    beast::error_code result;
    bool is_over = false;
    start([&](const beast::error_code& code, auto&&...) {
      result = code;
      is_over = true;
    });
    io.restart();
    while (!is_over && io.run_one() > 0) {}
    return is_over && !result;
  }

  bool connect() {
    stream.emplace(io);
    stream->expires_at(until);
    buffer.clear();
    const asio::ip::tcp::endpoint at{asio::ip::address_v4::loopback(), port};
    return wait([&](auto done) { stream->async_connect(at, std::move(done)); });
  }

  std::optional<node_answer> once(http::request<http::string_body>& request) {
    if (!connected && !connect())
      return std::nullopt;
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_bytes_max);
    stream->expires_at(until);
    connected =
        wait([&](auto done) { http::async_write(*stream, request, std::move(done)); }) &&
        wait([&](auto done) { http::async_read(*stream, buffer, parser, std::move(done)); });
    if (!connected)
      return std::nullopt;
    connected = parser.get().keep_alive();
    return node_answer{parser.get().result_int(), json::parse(parser.get().body(), nullptr, false)};
  }

  std::optional<node_answer> ask(http::request<http::string_body> request, duration patience) {
    request.set(http::field::host, "127.0.0.1:" + std::to_string(port));
    request.set(http::field::accept, "application/json");
    request.prepare_payload();
    until = std::chrono::steady_clock::now() + patience;
    const bool was_connected = connected;
    auto answer = once(request);
    // An idle connection may have been closed meanwhile; all that is asked may be asked twice.
    if (!answer && was_connected && std::chrono::steady_clock::now() < until)
      answer = once(request);
    return answer;
  }

  std::uint16_t port;
  asio::io_context io;
  std::optional<beast::tcp_stream> stream; // of the connection there is, or was
  beast::flat_buffer buffer;
  bool connected = false;
  std::chrono::steady_clock::time_point until{};
};

node_client::node_client(std::uint16_t port) : impl_{std::make_unique<impl>(port)} {}
node_client::~node_client() = default;
node_client::node_client(node_client&&) noexcept = default;
node_client& node_client::operator=(node_client&&) noexcept = default;

std::optional<node_answer> node_client::get(const std::string& target, duration patience) {
  return impl_->ask({http::verb::get, target, 11}, patience);
}

std::optional<node_answer> node_client::post(const std::string& target, const std::string& body,
                                             const char* content_type, duration patience) {
  http::request<http::string_body> request{http::verb::post, target, 11, body};
  request.set(http::field::content_type, content_type);
  return impl_->ask(std::move(request), patience);
}

} // namespace skein::demo
