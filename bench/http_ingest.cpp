// How many events a second the server's one thread takes in: requests of `batch` events on
// `clients` kept connections, against an engine that accepts at once on a thread of its own.
// Besides the rate over the wall clock it shows the rate for each second of the server thread's CPU
// time, which other load on the machine does not touch.
//
//   http_ingest [batch=100] [clients=4] [seconds=3]
#include "actors/access/token_book.hpp"
#include "nodes/http/http_server.hpp"
#include "tests/nodes/http/raw_client.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace skein;
using namespace skein::test;

namespace {

/// Accepts all, on another thread, as the engine does.
class ready_node final : public node_api {
 public:
  ready_node() : thread_{[this] { run(); }} {}
  ~ready_node() override {
    {
      const std::lock_guard lock{mutex_};
      ends_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  const hash_settings& hash() const override { return hash_; }
  const event_limits& event_bounds() const override { return bounds_; }
  instant now() const override { return from_ns(1'769'860'800'000'000'000); }
  void publish(std::vector<offered_event> events,
               std::function<void(publish_reply)> done) override {
    {
      const std::lock_guard lock{mutex_};
      queue_.emplace_back(std::move(events), std::move(done));
    }
    changed_.notify_one();
  }
  void await_event(event_id, duration, std::function<void(bool)> done) override { done(false); }
  void ask(std::string, std::string, std::function<void(api_answer)> done) override { done({}); }
  void act(caller, std::string, std::string, std::function<void(api_answer)> done) override {
    done({});
  }
  const token_book& tokens() const override { return book_; }
  std::uint64_t subscribe(stream_filter, stream_sink) override { return 0; }
  void resume(std::uint64_t) override {}
  void unsubscribe(std::uint64_t) override {}
  errc readiness() const override { return errc::none; }
  void metrics(std::function<void(std::string)> done) override { done({}); }

 private:
  using offer = std::pair<std::vector<offered_event>, std::function<void(publish_reply)>>;

  void run() {
    std::unique_lock lock{mutex_};
    while (true) {
      changed_.wait(lock, [&] { return ends_ || !queue_.empty(); });
      if (queue_.empty())
        return;
      offer next = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      publish_reply reply;
      for (const offered_event& each : next.first)
        reply.members.push_back({errc::none, false, {each.shard, ++sequence_}});
      next.second(std::move(reply));
      lock.lock();
    }
  }

  token_book book_;
  hash_settings hash_;
  event_limits bounds_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<offer> queue_;
  bool ends_ = false;
  std::uint64_t sequence_ = 0;
  std::thread thread_;
};

/// About 300 bytes.
std::string one_event(int number) {
  return R"({"specversion":"1.0","id":"order-)" + std::to_string(1'000'000 + number) +
         R"(","source":"/bench/shop/7","type":"shop.order.placed","partitionkey":"customer-)" +
         std::to_string(number % 97) +
         R"(","datacontenttype":"application/json","time":"2026-01-31T12:00:00Z","data":)"
         R"({"customer":"customer-12","items":[{"sku":"A-1","count":2},)"
         R"({"sku":"B-7","count":1}],"total":129.90}})";
}

std::string make_request(int batch, std::uint16_t port) {
  std::string body = batch == 1 ? "" : "[";
  for (int i = 0; i < batch; ++i)
    body.append(i == 0 ? "" : ",").append(one_event(i));
  body += batch == 1 ? "" : "]";
  std::printf("%d events of %zu bytes a request\n", batch, one_event(1).size());
  return "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nContent-Type: application/cloudevents" + (batch == 1 ? "" : "-batch") +
         "+json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Seconds that the server's thread ran on a CPU.
double server_cpu() {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::string name;
    std::getline(std::ifstream{task.path() / "comm"} >> std::ws, name);
    double ns = 0;
    if (name == "http" && std::ifstream{task.path() / "schedstat"} >> ns)
      return ns / 1e9;
  }
  return 0;
}

int argument(int count, char** values, int index, int otherwise) {
  return count > index ? std::atoi(values[index]) : otherwise;
}

} // namespace

int main(int count, char** values) {
  const int batch = argument(count, values, 1, 100);
  const int clients = argument(count, values, 2, 4);
  const int seconds = argument(count, values, 3, 3);
  ready_node node;
  http_settings settings;
  settings.port = 0;
  http_server server{settings, node};
  if (const auto started = server.start(); !started) {
    std::fprintf(stderr, "%s\n", to_string(started.error()).c_str());
    return 1;
  }
  const std::string request = make_request(batch, server.port());
  std::atomic<bool> ends{false};
  std::atomic<long> requests{0};
  std::atomic<long> wrong{0};
  std::vector<std::thread> threads;
  const double cpu_before = server_cpu();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < clients; ++i)
    threads.emplace_back([&] {
      raw_client client{server.port()};
      while (!ends) {
        wrong += client.ask(request).status == 202 ? 0 : 1;
        ++requests;
      }
    });
  std::this_thread::sleep_for(std::chrono::seconds{seconds});
  ends = true;
  for (std::thread& each : threads)
    each.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  const double cpu = server_cpu() - cpu_before;
  const double events = static_cast<double>(requests) * batch;
  std::printf("%ld requests, %ld not accepted\n", requests.load(), wrong.load());
  std::printf("%.0f events/s over the wall clock, %.0f events/s of the server thread's CPU\n",
              events / wall.count(), events / cpu);
  return wrong == 0 ? 0 : 1;
}
