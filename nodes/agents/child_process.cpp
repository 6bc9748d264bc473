#include "nodes/agents/child_process.hpp"

#include "nodes/agents/program_guard.hpp"
#include "nodes/agents/text.hpp"
#include "protocol/check.hpp"
#include "protocol/limits.hpp"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace skein {

namespace {

// Reads of one pipe when its program has ended: more than a pipe can hold.
constexpr int drain_reads_max = 64;
// Writes of one flush; a program that reads as fast as we write must not keep the thread.
constexpr int writes_max = 8;

constexpr std::size_t index(io_channel channel) { return static_cast<std::size_t>(channel); }

std::uint64_t bytes_in(const unique_fd& pipe) {
  int count = 0; // both ends of a pipe tell it
  return pipe && ::ioctl(pipe.get(), FIONREAD, &count) == 0 ? static_cast<std::uint64_t>(count) : 0;
}

} // namespace

std::string to_string(exit_status status) {
  if (status.signal != 0) {
    const char* name = ::sigabbrev_np(status.signal);
    const std::string number = "signal " + std::to_string(status.signal);
    return name == nullptr ? number : number + " (SIG" + name + ")";
  }
  return status.code < 0 ? "an unknown status" : "exit status " + std::to_string(status.code);
}

result<std::unique_ptr<child_process>>
child_process::start(exec_reactor& reactor, child_owner& owner, const spawn_request& request) {
  result<spawned_program> program = spawn_program(request, reactor.guard());
  if (!program)
    return program.error();
  std::unique_ptr<child_process> child{
      new child_process{reactor, owner, std::move(program).value()}};
  if (!child->watch_all())
    return error{errc::agent_crashed, "the system watches no more descriptors; raise "
                                      "fs.epoll.max_user_watches or lower the agent's processes"};
  return child;
}

child_process::child_process(exec_reactor& reactor, child_owner& owner, spawned_program program)
  : reactor_{reactor}, owner_{owner}, pid_{program.pid}, pidfd_{std::move(program.pidfd)},
    input_{std::move(program.input)}, output_{std::move(program.output)},
    errors_{std::move(program.errors)}, drain_timer_{reactor, [this] { finish(); }} {}

child_process::~child_process() {
  for (const auto channel :
       {io_channel::errors, io_channel::output, io_channel::input, io_channel::exit})
    close_channel(channel);
  if (!reaped_) {
    signal_group(SIGKILL);
    reap();
  }
}

bool child_process::watch_all() {
  const auto watch = [this](const unique_fd& fd, std::uint32_t events, io_channel channel) {
    watches_[index(channel)] = reactor_.watch(fd.get(), events, channel, *this);
    return watches_[index(channel)] != 0;
  };
  return watch(errors_, EPOLLIN, io_channel::errors) &&
         watch(output_, EPOLLIN, io_channel::output) && watch(input_, 0, io_channel::input) &&
         watch(pidfd_, EPOLLIN, io_channel::exit);
}

void child_process::on_io(io_channel channel, std::uint32_t events) {
  switch (channel) {
    case io_channel::errors:
    case io_channel::output:
      read_some(channel);
      break;
    case io_channel::input:
      if ((events & EPOLLERR) != 0) { // the program closed its end
        close_input();
        if (!leader_ended_)
          owner_.on_hangup(*this);
      } else {
        flush();
      }
      break;
    case io_channel::exit:
      on_leader_end();
      break;
  }
}

bool child_process::read_some(io_channel channel) {
  unique_fd& fd = channel == io_channel::errors ? errors_ : output_;
  if (!fd)
    return false;
  const auto buffer = reactor_.read_buffer();
  const auto got = ::read(fd.get(), buffer.data(), limits::program_read_bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (got <= 0) {
    close_channel(channel);
    if (leader_ended_ && !output_ && !errors_)
      drain_timer_.arm(reactor_.now()); // both are done: no need to wait for the rest of the grace
    else if (!leader_ended_ && channel == io_channel::output)
      owner_.on_hangup(*this);
    return false;
  }
  const std::string_view chunk{buffer.data(), static_cast<std::size_t>(got)};
  if (channel == io_channel::output) {
    owner_.on_output(*this, chunk);
    return true;
  }
  words_ += chunk.size() > limits::program_last_words_bytes
                ? chunk.substr(chunk.size() - limits::program_last_words_bytes)
                : chunk;
  if (words_.size() > limits::program_last_words_bytes)
    words_.erase(0, words_.size() - limits::program_last_words_bytes);
  owner_.on_errors(*this, chunk);
  return true;
}

void child_process::close_channel(io_channel channel) {
  reactor_.unwatch(std::exchange(watches_[index(channel)], 0));
  switch (channel) {
    case io_channel::errors:
      errors_.reset();
      break;
    case io_channel::output:
      output_.reset();
      break;
    case io_channel::input:
      left_unread_ += bytes_in(input_);
      input_.reset();
      break;
    case io_channel::exit:
      break; // the pidfd lives as long as this
  }
}

std::uint64_t child_process::read_total() const noexcept {
  return sent_total_ - left_unread_ - bytes_in(input_);
}

void child_process::flush() {
  if (!input_ || (unsent() == 0 && !end_input_wanted_))
    return;
  const std::uint64_t sent_before = sent_total_;
  for (int i = 0; i < writes_max && unsent() > 0; ++i) {
    const auto put = ::write(input_.get(), unsent_.data() + unsent_begin_, unsent());
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0 && errno == EAGAIN)
      break;
    if (put < 0)
      break; // EPIPE: epoll tells of it too, and there it is handled
    unsent_begin_ += static_cast<std::size_t>(put);
    sent_total_ += static_cast<std::uint64_t>(put);
  }
  if (sent_total_ > sent_before)
    owner_.on_sent(*this);
  const bool all = unsent() == 0;
  if (all || unsent_begin_ >= limits::program_unsent_bytes_max) {
    unsent_.erase(0, unsent_begin_);
    unsent_begin_ = 0;
  }
  const bool waited = waits_for_room_;
  if (waited == all) {
    waits_for_room_ = !all;
    reactor_.change(watches_[index(io_channel::input)], all ? 0u : std::uint32_t{EPOLLOUT});
  }
  if (all && end_input_wanted_)
    close_input();
  if (all && waited)
    owner_.on_room(*this);
}

void child_process::close_input() {
  close_channel(io_channel::input);
  unsent_.clear();
  unsent_begin_ = 0;
}

void child_process::end_input() {
  end_input_wanted_ = true;
  flush();
}

void child_process::signal_group(int number) {
  if (reaped_)
    return;
  if (::kill(-pid_, number) != 0) // it moved itself to another group
    ::kill(pid_, number);
}

void child_process::abandon() {
  signal_group(SIGKILL);
  reaped_ = true;
}

std::string child_process::last_words() const {
  std::string_view words = words_;
  while (!words.empty() && (words.back() == '\n' || words.back() == ' '))
    words.remove_suffix(1);
  return printable(words, limits::program_last_words_bytes);
}

void child_process::on_leader_end() {
  close_channel(io_channel::exit);
  leader_ended_ = true;
  close_channel(io_channel::input);
  for (const auto channel : {io_channel::errors, io_channel::output})
    for (int i = 0; i < drain_reads_max && read_some(channel); ++i) {}
  if (output_ || errors_) // what it started holds them open
    drain_timer_.arm(reactor_.now() + limits::program_hangup_grace);
  else
    finish();
}

void child_process::finish() {
  if (reaped_)
    return;
  drain_timer_.disarm();
  signal_group(SIGKILL); // what it left running; the leader is a zombie and does not mind
  const exit_status status = reap();
  close_channel(io_channel::errors);
  close_channel(io_channel::output);
  owner_.on_end(*this, status);
}

exit_status child_process::reap() {
  if (program_guard* guard = reactor_.guard())
    guard->forget(pid_);
  siginfo_t about{};
  int got = -1;
  do
    got = ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &about, WEXITED);
  while (got != 0 && errno == EINTR);
  reaped_ = true;
  exit_status status;
  if (got != 0)
    return status;
  if (about.si_code == CLD_EXITED)
    status.code = about.si_status;
  else
    status.signal = about.si_status;
  return status;
}

} // namespace skein
