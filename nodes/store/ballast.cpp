#include "nodes/store/ballast.hpp"

#include "protocol/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace skein {

std::uint64_t ballast::size() const {
  struct stat found {};
  return ::lstat(path_.c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

result<void> ballast::make(std::uint64_t bytes) {
  release();
  const auto failed = [&](int number) {
    ::unlink(path_.c_str());
    return error{number == ENOSPC || number == EDQUOT || number == EFBIG ? errc::disk_full
                                                                         : errc::io_error,
                 "making " + path_ + ": " + std::generic_category().message(number)};
  };
  const unique_fd fd{
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (fd.get() < 0)
    return failed(errno);
  if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)) != 0)
    return failed(errno);
  return {};
}

bool ballast::release() { return ::unlink(path_.c_str()) == 0; }

} // namespace skein
