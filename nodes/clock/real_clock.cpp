#include "nodes/clock/real_clock.hpp"

#include "protocol/check.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace skein {

namespace {

// The wall timer is not there to expire: this many seconds from 1970 lie beyond any clock's
// setting.
constexpr std::time_t never_s = 1ll << 40;

std::int64_t read_ns(clockid_t clock) {
  timespec at{};
  SKEIN_CHECK(::clock_gettime(clock, &at) == 0);
  return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

boot_time boot_now() { return boot_time{duration{read_ns(CLOCK_BOOTTIME)}}; }

/// Readable as soon as the wall clock is set, again after each call.
bool watch_wall(int fd) {
  itimerspec spec{};
  spec.it_value.tv_sec = never_s;
  const int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  // ECANCELED: the clock was set since; the timer is armed all the same and the read will tell.
  return ::timerfd_settime(fd, flags, &spec, nullptr) == 0 || errno == ECANCELED;
}

void drain(int fd) {
  std::uint64_t count = 0;
  while (::read(fd, &count, sizeof count) < 0 && errno == EINTR) {}
}

/// Signals are for the main thread: a new thread inherits the mask of its maker.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

} // namespace

result<std::unique_ptr<real_clock>> real_clock::open(wall_source wall) {
  const auto failed = [](const char* what) {
    return error{errc::io_error, fmt::format("{}: {}", what, std::strerror(errno))};
  };
  unique_fd timer{::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
  if (timer.get() < 0)
    return failed("timerfd for CLOCK_BOOTTIME");
  unique_fd wall_set{
      wall.set_fd >= 0 ? -1 : ::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
  if (wall.set_fd < 0 && (wall_set.get() < 0 || !watch_wall(wall_set.get())))
    return failed("timerfd that watches the wall clock");
  unique_fd end{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (end.get() < 0)
    return failed("eventfd");
  if (!wall.read)
    wall.read = [] { return from_ns(read_ns(CLOCK_REALTIME)); };
  return std::unique_ptr<real_clock>{
      new real_clock{std::move(wall), std::move(timer), std::move(wall_set), std::move(end)}};
}

real_clock::real_clock(wall_source wall, unique_fd timer, unique_fd wall_set, unique_fd end)
  : wall_{std::move(wall)}, timer_{std::move(timer)}, wall_set_{std::move(wall_set)},
    end_{std::move(end)} {
  const signals_blocked blocked;
  thread_ = std::thread{[this] { run(); }};
}

real_clock::~real_clock() {
  const std::uint64_t one = 1;
  SKEIN_CHECK(::write(end_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

moment real_clock::now() const {
  const boot_time boot = boot_now();
  instant said = wall_.read();
  if (wall_.of_store) {
    const auto passed = wall_.of_store->passed(boot);
    if (!passed) // nothing of the store's is decided by it
      return {said, boot};
    said = *passed;
  }
  const auto seen = engine_time_.see(said, boot);
  if (seen.doubted && wall_.doubted)
    wall_.doubted(said, seen.now);
  return {seen.now, boot};
}

void real_clock::wake_at(boot_time at, std::function<void()> fire) {
  const std::lock_guard lock{mutex_};
  if (wakes_.push(at, std::move(fire)))
    arm();
}

void real_clock::arm() {
  itimerspec spec{}; // zero disarms
  if (const auto at = wakes_.earliest()) {
    // A time that has passed fires at once, but zero would disarm.
    const std::int64_t ns = std::max<std::int64_t>(at->time_since_epoch().count(), 1);
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
  }
  SKEIN_CHECK(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0);
}

int real_clock::wall_set_fd() const noexcept {
  return wall_.set_fd >= 0 ? wall_.set_fd : wall_set_.get();
}

void real_clock::fire_due() {
  std::vector<wake_queue::callback> due;
  {
    const std::lock_guard lock{mutex_};
    due = wakes_.take_due(boot_now());
    arm();
  }
  for (auto& call : due)
    call();
}

void real_clock::fire_all() {
  std::vector<wake_queue::callback> calls;
  {
    const std::lock_guard lock{mutex_};
    calls = wakes_.all();
  }
  for (auto& call : calls)
    call();
}

void real_clock::run() {
  std::array<pollfd, 3> fds{pollfd{timer_.get(), POLLIN, 0}, pollfd{wall_set_fd(), POLLIN, 0},
                            pollfd{end_.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(fds.data(), fds.size(), -1) < 0) {
      SKEIN_CHECK(errno == EINTR);
      continue;
    }
    if (fds[2].revents != 0)
      return;
    if (fds[1].revents != 0) {
      drain(fds[1].fd);
      if (wall_set_.get() >= 0)
        SKEIN_CHECK(watch_wall(wall_set_.get()));
      fire_all();
    }
    if (fds[0].revents != 0) {
      drain(fds[0].fd);
      fire_due();
    }
  }
}

duration real_clock::thread_cpu() const {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

} // namespace skein
