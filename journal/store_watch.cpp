#include "journal/store_watch.hpp"

#include "journal/store_folder.hpp"

#include <cerrno>
#include <sys/stat.h>

namespace skein::journal {

namespace {

error gone(const std::string& path, const char* what) {
  return {errc::store_gone,
          path + " was " + what +
              " while the store was open: what was acknowledged before is in the file that was "
              "there. Bring that back if you can (a file moved away, a backup) before the next "
              "start"};
}

} // namespace

result<store_watch> store_watch::begin(const std::string& directory) {
  store_watch made;
  for (const char* const name :
       {"", "/lock", "/journal.db", "/journal.db-wal", "/journal.db-shm", "/high-water"}) {
    const std::string path = directory + name;
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0)
      return system_error(errno, "looking at " + path);
    made.files_.push_back({path, found.st_dev, found.st_ino});
  }
  return made;
}

result<void> store_watch::check() const {
#ifdef SKEIN_BUG_REMOVED_FILE_NOT_SEEN
  return {};
#endif
  for (const file& each : files_) {
    struct stat found {};
    if (::stat(each.path.c_str(), &found) != 0) {
      if (errno == ENOENT || errno == ENOTDIR)
        return gone(each.path, "removed");
      return system_error(errno, "looking whether " + each.path + " is still there");
    }
    if (found.st_dev != each.device || found.st_ino != each.number)
      return gone(each.path, "replaced by another");
  }
  return {};
}

} // namespace skein::journal
