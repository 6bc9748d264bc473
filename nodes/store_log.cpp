#include "nodes/store_log.hpp"

#include "nodes/logging/logging.hpp"
#include "protocol/time.hpp"

namespace skein {

void log_note(const std::string& what) { log(log_level::info, "store", "store-note", what); }

void log_upkeep(const error& problem) {
  if (problem.code == errc::none)
    log(log_level::info, "store", "upkeep-resumed", "the store's upkeep goes on");
  else
    log(log_level::warn, "store", "upkeep-put-off",
        "the log is not moved into the store's file and grows: " + problem.detail);
}

void log_unreadable(const error& why) {
  log(log_level::error, "store", "store-unreadable",
      to_string(why) + "; the node goes on with what it can read: keep a copy of the folder and "
                       "look at all of it with skein journal verify");
}

std::string disk_text(const disk_facts& facts) {
  return size_text(facts.free) + " of " + size_text(facts.total) +
         " are free on the disk of the data folder; " + size_text(facts.mark) +
         " are kept for what was taken already, and new events are taken again from " +
         size_text(facts.reopen) + " on";
}

void log_disk(disk_news news, const disk_facts& facts, const error& why) {
  switch (news) {
    case disk_news::low:
      return log(log_level::warn, "store", "disk-low", disk_text(facts));
    case disk_news::enough:
      return log(log_level::info, "store", "disk-recovered",
                 size_text(facts.free) + " are free again; new events are taken");
    case disk_news::released:
      return log(log_level::warn, "store", "ballast-released",
                 "the disk is full; " + size_text(facts.ballast) +
                     " of ballast were given up so that what was taken can be finished");
    case disk_news::made:
      return log(log_level::info, "store", "ballast-made",
                 size_text(facts.ballast) +
                     " are kept in the file ballast for when the disk is full");
    case disk_news::no_ballast:
      return log(log_level::warn, "store", "ballast-not-made",
                 "nothing is kept for when the disk is full: " + to_string(why));
  }
}

void log_doubted_clock(instant said, instant kept) {
  log(log_level::error, "clock", "clock-not-believed",
      "the clock was set to " + format_rfc3339(said) + ", which is too far ahead of " +
          format_rfc3339(kept) +
          " to be true: time goes on from there and nothing expires; set the clock right, or start "
          "the node again with --trust-clock");
}

} // namespace skein
