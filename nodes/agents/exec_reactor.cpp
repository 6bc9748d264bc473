#include "nodes/agents/exec_reactor.hpp"

#include "nodes/agents/program_guard.hpp"
#include "protocol/check.hpp"
#include "protocol/limits.hpp"

#include <simdjson.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <system_error>

namespace skein {

namespace {

constexpr exec_reactor::watch_id wake_watch = 0; // of the eventfd; real ones start at 1
constexpr std::size_t events_per_wait = 256;

boot_time read_boot_clock() {
  timespec at{};
  ::clock_gettime(CLOCK_BOOTTIME, &at);
  return boot_time{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
}

// Signals are for the node's main thread; SIGPIPE becomes the EPIPE that writes return anyway.
void block_all_signals() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

} // namespace

result<std::unique_ptr<exec_reactor>> exec_reactor::open(guard_setup guard) {
  unique_fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  unique_fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!epoll || !wake)
    return error{errc::io_error,
                 std::string{"no descriptors for the exec agents: "} + std::strerror(errno)};
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wake_watch;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return error{errc::io_error, std::string{"epoll: "} + std::strerror(errno)};
  std::unique_ptr<exec_reactor> reactor{new exec_reactor{std::move(epoll), std::move(wake)}};
  reactor->now_ = read_boot_clock();
  reactor->guard_ = std::make_unique<program_guard>(*reactor, std::move(guard));
  try {
    reactor->thread_ = std::thread{[self = reactor.get()] { self->run(); }};
  } catch (const std::system_error& problem) {
    return error{errc::io_error, std::string{"no thread for the exec agents: "} + problem.what()};
  }
  return reactor;
}

exec_reactor::exec_reactor(unique_fd epoll, unique_fd wake)
  : epoll_{std::move(epoll)}, wake_{std::move(wake)},
    buffer_(limits::program_read_bytes + simdjson::SIMDJSON_PADDING) {}

exec_reactor::~exec_reactor() {
  if (thread_.joinable()) {
    SKEIN_CHECK(!on_own_thread());
    post([this] {
      guard_.reset();
      stopping_ = true;
    });
    thread_.join();
  }
  guard_.reset(); // if the thread could not be started
  SKEIN_CHECK(watched_.empty());
  SKEIN_CHECK(timers_.empty());
}

bool exec_reactor::on_own_thread() const noexcept {
  return std::this_thread::get_id() == thread_.get_id();
}

void exec_reactor::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock{tasks_mutex_};
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!first)
    return; // whoever was first woke the thread, and it takes them all
  const std::uint64_t one = 1;
  const auto written = ::write(wake_.get(), &one, sizeof one);
  SKEIN_CHECK(written == sizeof one || errno == EAGAIN); // EAGAIN: it is awake already
}

exec_reactor::watch_id exec_reactor::watch(int fd, std::uint32_t events, io_channel channel,
                                           io_handler& handler) {
  const watch_id id = ++last_watch_;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return 0;
  watched_.emplace(id, watched{fd, channel, &handler});
  return id;
}

void exec_reactor::change(watch_id watch, std::uint32_t events) {
  const auto found = watched_.find(watch);
  SKEIN_CHECK(found != watched_.end());
  epoll_event event{};
  event.events = events;
  event.data.u64 = watch;
  SKEIN_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.fd, &event) == 0);
}

void exec_reactor::unwatch(watch_id watch) {
  const auto found = watched_.find(watch);
  if (found == watched_.end())
    return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  watched_.erase(found);
}

void exec_reactor::ask_end_of_pass(pass_handler& handler) {
  if (std::find(pass_asked_.begin(), pass_asked_.end(), &handler) == pass_asked_.end())
    pass_asked_.push_back(&handler);
}

void exec_reactor::forget(pass_handler& handler) {
  std::erase(pass_asked_, &handler);
  std::replace(pass_ending_.begin(), pass_ending_.end(), &handler,
               static_cast<pass_handler*>(nullptr));
}

void exec_reactor::run() {
  block_all_signals();
  std::array<epoll_event, events_per_wait> events{};
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                   wait_milliseconds());
    SKEIN_CHECK(count >= 0 || errno == EINTR);
    now_ = read_boot_clock();
    handle(std::span{events}.first(static_cast<std::size_t>(std::max(count, 0))));
    fire_timers();
    end_pass();
  }
}

int exec_reactor::wait_milliseconds() const {
  if (!pass_asked_.empty())
    return 0;
  if (timers_.empty())
    return -1;
  const auto left = timers_.begin()->first - read_boot_clock();
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::clamp<std::int64_t>(rounded, 0, 3'600'000));
}

void exec_reactor::handle(std::span<const epoll_event> events) {
  bool tasks = false;
  for (const bool errors_only : {true, false}) {
    for (const epoll_event& event : events) {
      if (event.data.u64 == wake_watch) {
        tasks = true;
        continue;
      }
      const auto found = watched_.find(event.data.u64);
      if (found == watched_.end() || (found->second.channel == io_channel::errors) != errors_only)
        continue;
      found->second.handler->on_io(found->second.channel, event.events);
    }
  }
  if (tasks)
    run_tasks();
}

void exec_reactor::run_tasks() {
  // The count is cleared before the tasks are taken: a later post wakes again.
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock{tasks_mutex_};
    tasks.swap(tasks_);
  }
  for (auto& task : tasks)
    task();
}

void exec_reactor::fire_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    reactor_timer* timer = timers_.begin()->second;
    timer->disarm();
    timer->fire_();
  }
}

void exec_reactor::end_pass() {
  pass_ending_.swap(pass_asked_);
  for (std::size_t i = 0; i < pass_ending_.size(); ++i)
    if (pass_ending_[i] != nullptr)
      pass_ending_[i]->on_end_of_pass();
  pass_ending_.clear();
}

reactor_timer::reactor_timer(exec_reactor& reactor, std::function<void()> fire)
  : reactor_{reactor}, fire_{std::move(fire)} {}

reactor_timer::~reactor_timer() { disarm(); }

void reactor_timer::arm(boot_time at) {
  disarm();
  armed_ = reactor_.timers_.emplace(at, this);
}

void reactor_timer::disarm() {
  if (armed_)
    reactor_.timers_.erase(*armed_);
  armed_.reset();
}

} // namespace skein
