#include "nodes/signals.hpp"

#include "protocol/check.hpp"

#include <csignal>
#include <sys/signalfd.h>
#include <unistd.h>

namespace skein {

signals::signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  struct sigaction before {};
  if (sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) // not under nohup
    sigaddset(&wanted, SIGHUP);
  SKEIN_CHECK(pthread_sigmask(SIG_BLOCK, &wanted, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN); // a limit of the file's size is an error of the write
  fd_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  SKEIN_CHECK(fd_ >= 0);
}

signals::~signals() { close(fd_); }

int signals::take() noexcept {
  signalfd_siginfo info{};
  return read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)
             ? static_cast<int>(info.ssi_signo)
             : 0;
}

} // namespace skein
