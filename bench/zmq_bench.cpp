// bench/zmq: what ZeroMQ itself can do on this machine: a DEALER sends to a ROUTER over inproc, one
// thread each.
//
//   zmq_bench [--json]      rows: single messages of 200 B, batches of 256 x 200 B (counted in
//   events)
#include <zmq.hpp>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

namespace {

double events_per_s(std::size_t messages, std::size_t bytes, std::size_t events_a_message) {
  zmq::context_t context{1};
  zmq::socket_t router{context, zmq::socket_type::router};
  router.set(zmq::sockopt::rcvhwm, 4'096);
  router.bind("inproc://limit");
  const auto begin = std::chrono::steady_clock::now();
  std::thread sender{[&] {
    zmq::socket_t dealer{context, zmq::socket_type::dealer};
    dealer.set(zmq::sockopt::sndhwm, 4'096);
    dealer.connect("inproc://limit");
    const std::string body(bytes, 'x');
    for (std::size_t i = 0; i < messages; ++i) {
      zmq::message_t message{body.data(), body.size()};
      static_cast<void>(dealer.send(message, zmq::send_flags::none));
    }
  }};
  for (std::size_t i = 0; i < messages; ++i) {
    zmq::message_t from, body;
    static_cast<void>(router.recv(from));
    static_cast<void>(router.recv(body));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  sender.join();
  return static_cast<double>(messages * events_a_message) / seconds;
}

} // namespace

int main(int argc, char** argv) {
  const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
  const double single = events_per_s(500'000, 200, 1);
  const double batched = events_per_s(40'000, 256 * 200, 256);
  std::printf(
      json ? "{\"bench\":\"zmq\",\"single_per_s\":%.0f,\"batched_per_s\":%.0f}\n"
           : "zmq ROUTER/DEALER, 200 B: single %.0f messages/s, batches of 256: %.0f events/s\n",
      single, batched);
}
