#include "nodes/http/http_server.hpp"

#include "nodes/config/http_address.hpp"
#include "nodes/http/http_connection.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

namespace skein {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::hours certificate_ends_soon{14 * 24};

peer_key key_of(const asio::ip::address& address) {
  peer_key key{};
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), key.begin());
    return key;
  }
  const auto bytes = address.to_v6().to_bytes();
  const bool mapped = address.to_v6().is_v4_mapped();
  std::copy_n(bytes.begin() + (mapped ? 12 : 0), mapped ? 4 : 8, key.begin());
  key.back() = mapped ? 0 : 1; // the two families never share a key
  return key;
}

/// A thread that no signal is delivered to: they are the main thread's.
std::thread start_thread(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread{std::move(work)};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), "http");
  return thread;
}

error cannot_listen(const http_settings& settings, const error_code& problem) {
  const bool taken = problem == asio::error::address_in_use;
  return {taken ? errc::port_in_use : errc::invalid_config,
          "Cannot listen on " + to_string(http_address{settings.address, settings.port}) + ": " +
              problem.message() + "."};
}

result<void> open(tcp::acceptor& acceptor, const http_settings& settings) {
  error_code problem;
  const auto address = asio::ip::make_address(settings.address, problem);
  if (problem)
    return error{errc::invalid_config, "\"" + settings.address +
                                           "\" is no address to listen on; write one such as "
                                           "127.0.0.1."};
  const tcp::endpoint endpoint{address, settings.port};
  acceptor.open(endpoint.protocol(), problem);
  if (!problem)
    acceptor.set_option(tcp::acceptor::reuse_address{true}, problem);
  if (!problem)
    acceptor.bind(endpoint, problem);
  if (!problem)
    acceptor.listen(asio::socket_base::max_listen_connections, problem);
  return problem ? result<void>{cannot_listen(settings, problem)} : result<void>{};
}

} // namespace

class http_server::impl {
 public:
  impl(http_settings settings, node_api& api)
    : core_{std::make_shared<http_core>(std::move(settings), api)} {}

  result<void> listen();
  result<void> start();
  std::uint16_t port() const noexcept { return core_->hosts.port; }
  void begin_drain();
  void stop();

 private:
  void run();
  void warn_of_certificate() const;

  // On the server's thread.
  void accept();
  void on_accept(const error_code& problem, tcp::socket socket);
  void serve(tcp::socket socket);
  void tell_full(const asio::ip::address& from);
  void tick();
  void on_stop();
  std::vector<std::shared_ptr<http_connection>> all() const;

  std::shared_ptr<http_core> core_;
  tcp::acceptor acceptor_{core_->io};
  asio::steady_timer pause_{
      core_->io}; // after a failed accept; after stop: the time left to responses
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
  std::thread thread_;
  bool accept_failed_ = false;                                  // logged once until it works again
  std::optional<http_connection::clock::time_point> told_full_; // at most once a minute
};

result<void> http_server::impl::start() {
  SKEIN_CHECK(!thread_.joinable());
  if (!acceptor_.is_open())
    if (auto listening = listen(); !listening)
      return listening;
  work_.emplace(core_->io.get_executor());
  accept();
  thread_ = start_thread([this] { run(); });
  core_->log(http_log_level::info, "http-listening",
             (core_->hosts.secured ? "https://" : "http://") +
                 to_string(http_address{core_->settings.address, port()}));
  warn_of_certificate();
  return {};
}

/// Its clients will not trust it any more, and nobody may have thought of it.
void http_server::impl::warn_of_certificate() const {
  const instant ends = core_->identity.not_after;
  const instant now = core_->api.now();
  if (!core_->settings.tls.given() || ends > now + certificate_ends_soon)
    return;
  core_->log(http_log_level::warning, "certificate-ends",
             "The certificate " + core_->settings.tls.certificate +
                 (ends > now ? " is valid until " : " was valid until ") + format_rfc3339(ends) +
                 ": put a new one there and start again.");
}

result<void> http_server::impl::listen() {
  if (core_->settings.tls.given()) {
    auto identity = load_identity(core_->settings.tls);
    if (!identity)
      return identity.error();
    core_->identity = *std::move(identity);
  }
  if (auto opened = open(acceptor_, core_->settings); !opened)
    return opened;
  error_code problem;
  const tcp::endpoint here = acceptor_.local_endpoint(problem);
  core_->hosts.loopback = here.address().is_loopback();
  core_->hosts.secured = core_->settings.tls.given();
  core_->hosts.names = core_->settings.names;
  core_->hosts.names.insert(core_->hosts.names.end(), core_->identity.names.begin(),
                            core_->identity.names.end());
  core_->hosts.port = here.port();
  return problem ? result<void>{cannot_listen(core_->settings, problem)} : result<void>{};
}

void http_server::impl::run() {
  try {
    core_->io.run();
  } catch (const std::exception& problem) { // out of memory; nothing here can be trusted after it
    core_->log(http_log_level::error, "http-thread-failed", problem.what());
    SKEIN_CHECK(!"the HTTP thread failed");
  }
}

// -- accepting -----------------------------------------------------------------------------------

void http_server::impl::accept() {
  acceptor_.async_accept([this](const error_code& problem, tcp::socket socket) {
    on_accept(problem, std::move(socket));
  });
}

void http_server::impl::on_accept(const error_code& problem, tcp::socket socket) {
  if (core_->stopping)
    return;
  if (!problem) {
    accept_failed_ = false;
    serve(std::move(socket));
    return accept();
  }
  if (problem == asio::error::connection_aborted)
    return accept();
  if (!std::exchange(accept_failed_, true)) // too many open files, no memory: it may pass
    core_->log(http_log_level::warning, "http-accept-failed",
               "Cannot accept a connection: " + problem.message() + "; trying on.");
  pause_.expires_after(std::chrono::milliseconds{100});
  pause_.async_wait([this](const error_code& cancelled) {
    if (!cancelled && !core_->stopping)
      accept();
  });
}

void http_server::impl::serve(tcp::socket socket) {
  error_code problem;
  const tcp::endpoint from = socket.remote_endpoint(problem);
  if (problem)
    return; // it left already
  const peer_key peer = key_of(from.address());
  const admitted as = core_->doors.enter(peer);
  if (as != admitted::normal)
    tell_full(from.address());
  if (as == admitted::no) {
    ++core_->counters.turned_away;
    if (core_->turned_away >= core_->settings.connections_reserved)
      return; // not even room to say so
    ++core_->turned_away;
  }
  auto connection = std::make_shared<http_connection>(core_, std::move(socket), peer, as,
                                                      from.address().to_string());
  core_->connections.insert(connection);
  connection->start();
  tick();
}

void http_server::impl::tell_full(const asio::ip::address& from) {
  const auto now = http_connection::clock::now();
  if (told_full_ && now - *told_full_ < std::chrono::minutes{1})
    return;
  told_full_ = now;
  core_->log(http_log_level::warning, "http-connections-full",
             "The connections, in all or of " + from.to_string() +
                 ", are at their limit; beyond it only health, status and commands are served.");
}

// -- time ----------------------------------------------------------------------------------------

std::vector<std::shared_ptr<http_connection>> http_server::impl::all() const {
  return {core_->connections.begin(), core_->connections.end()};
}

/// Ticks as long as there are connections: an idle server sleeps.
void http_server::impl::tick() {
  if (core_->ticking || core_->connections.empty())
    return;
  core_->ticking = true;
  core_->ticker.expires_after(core_->settings.tick);
  core_->ticker.async_wait([this](const error_code& cancelled) {
    core_->ticking = false;
    if (cancelled)
      return;
    const auto now = http_connection::clock::now();
    for (const auto& each : all()) // a copy: connections may close
      each->check_time(now);
    if (core_->stopping && core_->connections.empty())
      pause_.cancel();
    tick();
  });
}

// -- ending --------------------------------------------------------------------------------------

void http_server::impl::begin_drain() {
  if (core_->draining.exchange(true))
    return;
  asio::post(core_->io, [this] {
    for (const auto& each : all())
      each->drain();
  });
}

void http_server::impl::stop() {
  if (!thread_.joinable())
    return;
  core_->draining = true;
  asio::post(core_->io, [this] { on_stop(); });
  thread_.join();
  core_->log(http_log_level::info, "http-stopped",
             "Port " + std::to_string(port()) + " is closed.");
}

void http_server::impl::on_stop() {
  core_->stopping = true;
  work_.reset();
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& each : all())
    each->stop();
  if (core_->connections.empty()) {
    pause_.cancel();
    core_->ticker.cancel();
    return;
  }
  pause_.expires_after(core_->settings.stop_grace);
  pause_.async_wait([this](const error_code&) {
    for (const auto& each : all())
      each->close();
    core_->ticker.cancel();
  });
}

http_server::http_server(http_settings settings, node_api& api)
  : impl_{std::make_unique<impl>(std::move(settings), api)} {}

http_server::~http_server() { stop(); }

result<void> http_server::try_to_listen(const http_settings& settings) {
  if (settings.tls.given())
    if (auto identity = load_identity(settings.tls); !identity)
      return identity.error();
  asio::io_context io;
  tcp::acceptor acceptor{io};
  return open(acceptor, settings);
}

result<void> http_server::listen() { return impl_->listen(); }
result<void> http_server::start() { return impl_->start(); }

std::uint16_t http_server::port() const noexcept { return impl_->port(); }

void http_server::begin_drain() { impl_->begin_drain(); }

void http_server::stop() { impl_->stop(); }

} // namespace skein
