// What the dedupe window costs: 24 h of identities in virtual time. The rate of fresh events into
// an empty window and into the full one, repeats of any age that must be found, and a restart.
//
//   (default)  journal::open and commits of events in batches: all that an accept costs
//   --below    the window alone, without events and commits: as many identities as its files have
//              room for, in a fraction of the time
//   --fill=DIR a store whose window is full as of now, and no more
//   --over     with --fill: the same store, but nothing in it is within the window any more. What
//              pipeline --data=DIR does in the one beside the other is what the window costs a node
#include "journal/dedupe_buckets.hpp"
#include "journal/journal.hpp"
#include "journal/store_folder.hpp"
#include "nodes/bench/process_time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace skein;
using bench::cpu_now;
using bench::seconds_now;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "dedupe: %s\n", why.c_str());
  std::exit(1);
}

/// A line of /proc/self/status, in MB.
double memory_mb(const std::string& name) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name))
      return std::strtod(line.c_str() + name.size() + 1, nullptr) / 1024;
  return 0;
}

std::uint64_t mixed(std::uint64_t word) {
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ull;
  word = (word ^ word >> 27) * 0x94d049bb133111ebull;
  return word ^ word >> 31;
}

/// Of event number n, whose sequence is n + 1.
hash128 identity_of(std::uint64_t n) {
  return {mixed(n * 2 + 1), mixed(n ^ 0x5555555555555555ull)};
}

struct settings {
  std::uint64_t identities = 50'000'000;
  std::uint64_t measured = 2'000'000; // events of a rate
  std::uint64_t checked = 500'000;    // repeats
  std::uint64_t batch = 1'000;
  bool below = false;
  bool json = false;
  bool over = false;
  std::string fill; // the folder, if that is all
  instant began = from_ns(1'700'000'000'000'000'000);
};

/// The window is full when so many identities have come.
instant time_of(std::uint64_t n, const settings& how) {
  const auto step =
      static_cast<std::int64_t>(std::chrono::nanoseconds{limits::dedupe_window}.count() /
                                static_cast<std::int64_t>(how.identities));
  return how.began + std::chrono::nanoseconds{step * static_cast<std::int64_t>(n)};
}

void wait_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds{1}); }

struct counts {
  std::uint64_t in_memory = 0, buckets = 0, bytes = 0, reads = 0, false_reads = 0, remade = 0,
                healed = 0;
};

/// What is measured.
class window {
 public:
  virtual ~window() = default;
  virtual void open(instant now) = 0;
  virtual void close() = 0;
  /// Events n to n + count, at this time. How many of them were taken for new.
  virtual std::uint64_t add(std::uint64_t n, std::uint64_t count, instant at) = 0;
  /// Whether each of these events is known, by its own sequence.
  virtual std::uint64_t known(const std::vector<std::uint64_t>& events, instant at) = 0;
  /// Whether there is more to do.
  virtual bool upkeep(instant now) = 0;
  virtual counts counted() const = 0;
};

class whole_journal final : public window {
 public:
  whole_journal(std::string directory, const settings& how)
    : directory_{std::move(directory)}, how_{how} {}

  void open(instant now) override {
    journal::open_options options;
    options.now = now;
    options.seed = 1;
    options.dedupe_entries_max = how_.identities + how_.measured;
    auto opened = journal::open(directory_, options);
    if (!opened)
      die(to_string(opened.error()));
    engine_ = std::move(*opened);
    if (auto ready = engine_->recover([](const journal::pending_event&) {}); !ready)
      die(to_string(ready.error()));
    event model;
    model.id = "event";
    model.source = "bench";
    model.type = "bench.event";
    model.subject = "key";
    auto offered = offer(model, engine_->identity().hash, {}, now);
    if (!offered)
      die(to_string(offered.error()));
    model_ = std::move(*offered);
  }
  void close() override {
    if (auto closed = engine_->close(); !closed)
      die(to_string(closed.error()));
    engine_.reset();
  }
  std::uint64_t add(std::uint64_t n, std::uint64_t count, instant at) override {
    operations_.clear();
    for (std::uint64_t i = 0; i < count; ++i)
      put(n + i);
    std::uint64_t fresh = 0;
    for (const auto& each : commit(at).results)
      fresh += each.status == journal::op_status::applied ? 1u : 0u;
    return fresh;
  }
  std::uint64_t known(const std::vector<std::uint64_t>& events, instant at) override {
    operations_.clear();
    for (const std::uint64_t each : events)
      put(each);
    const auto receipt = commit(at);
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < events.size(); ++i)
      found += receipt.results[i].status == journal::op_status::duplicate &&
                       receipt.results[i].event.sequence == events[i] + 1
                   ? 1u
                   : 0u;
    return found;
  }
  bool upkeep(instant now) override {
    const auto more = engine_->upkeep(now);
    if (!more)
      die(to_string(more.error()));
    return *more;
  }
  counts counted() const override {
    const auto all = engine_->counters();
    return {all.dedupe_in_memory,   all.dedupe_buckets, all.dedupe_bytes, all.dedupe_reads,
            all.dedupe_false_reads, all.dedupe_remade,  all.dedupe_healed};
  }

 private:
  /// Without deliveries: done at once, so that nothing stays pending.
  void put(std::uint64_t n) {
    journal::accept_op op;
    op.epoch = epoch_no{engine_->identity().boot};
    op.event = model_;
    op.event.identity = identity_of(n);
    operations_.emplace_back(std::move(op));
  }
  journal::commit_receipt commit(instant at) {
    auto receipt = engine_->commit(operations_, at);
    if (!receipt)
      die(to_string(receipt.error()));
    return std::move(*receipt);
  }

  std::string directory_;
  settings how_;
  std::unique_ptr<journal::engine> engine_;
  offered_event model_;
  std::vector<journal::operation> operations_;
};

/// The commits that there would be: batch b has events b * batch to before (b + 1) * batch.
class imagined_log final : public journal::identity_log {
 public:
  explicit imagined_log(const settings& how) : how_{how} {}
  std::uint64_t next = 1;

  result<std::uint64_t> first_after(instant oldest) override {
    std::uint64_t low = 0;
    for (std::uint64_t high = (next - 1) / how_.batch; low < high;) {
      const std::uint64_t middle = low + (high - low) / 2;
      const bool is_old = time_of(middle * how_.batch, how_) <= oldest;
      (is_old ? low : high) = is_old ? middle + 1 : middle;
    }
    return low * how_.batch + 1;
  }
  result<journal::bucket_seal> read(std::uint64_t first, std::uint64_t last,
                                    journal::dedupe_window& into) override {
    for (std::uint64_t sequence = first; sequence <= last; ++sequence)
      into.insert(identity_of(sequence - 1), 1, sequence,
                  time_of((sequence - 1) / how_.batch * how_.batch, how_));
    return seal_of(last);
  }
  result<bool> has(const journal::bucket_seal& seal, std::uint64_t last) override {
    return seal == seal_of(last);
  }
  journal::bucket_seal seal_of(std::uint64_t last) const {
    return {commit_no{(last - 1) / how_.batch + 1}, {1, (last - 1) / how_.batch}};
  }

 private:
  settings how_;
};

class window_alone final : public window {
 public:
  window_alone(std::string directory, const settings& how)
    : directory_{std::move(directory)}, how_{how}, log_{how} {
    if (auto made = journal::make_private_directory(directory_); !made)
      die(to_string(made.error()));
  }

  void open(instant now) override {
    thread_ = std::make_unique<journal::background_thread>("bench-dedupe");
    ids_ = std::make_unique<journal::dedupe_buckets>(
        journal::dedupe_buckets::settings{
            .entries_max = how_.identities + how_.measured,
            .place = {.vfs = {},
                      .directory = directory_ + "/dedupe",
                      .store_id = "0123456789abcdef",
                      .size = limits::dedupe_bucket_identities},
            .run = [this](std::function<void()> job) { thread_->run(std::move(job)); }},
        log_);
    if (auto loaded = ids_->load(now, log_.next); !loaded)
      die(to_string(loaded.error()));
  }
  void close() override {
    ids_.reset();
    thread_.reset();
  }
  std::uint64_t add(std::uint64_t n, std::uint64_t count, instant at) override {
    std::uint64_t fresh = 0;
    ahead_.clear();
    for (std::uint64_t i = 0; i < count; ++i)
      ahead_.push_back(identity_of(n + i));
    ids_->look_ahead(ahead_);
    for (std::uint64_t i = 0; i < count; ++i) {
      ids_->prefetch(identity_of(n + i + 8));
      if (find(n + i, at))
        continue;
      while (!insert(n + i, log_.next + fresh, at))
        wait_a_little(); // for the files: nothing else takes time here
      ++fresh;
    }
    log_.next += fresh;
    if (auto kept = ids_->keep(log_.seal_of(log_.next - 1)); !kept)
      die(to_string(kept.error()));
    return fresh;
  }
  std::uint64_t known(const std::vector<std::uint64_t>& events, instant at) override {
    std::uint64_t found = 0;
    for (const std::uint64_t each : events)
      found += find(each, at) == each + 1 ? 1u : 0u;
    return found;
  }
  bool upkeep(instant now) override {
    if (auto done = ids_->upkeep(now); !done)
      die(to_string(done.error()));
    return false;
  }
  counts counted() const override {
    const auto all = ids_->counted();
    return {all.in_memory,   all.buckets, all.bytes, all.reads,
            all.false_reads, all.remade,  all.healed};
  }

 private:
  bool insert(std::uint64_t n, std::uint64_t sequence, instant at) {
    const auto inserted = ids_->insert(identity_of(n), 1, sequence, at);
    if (!inserted)
      die(to_string(inserted.error()));
    if (!*inserted) // ends the file that is being written, if it is done, and begins the next
      if (auto kept = ids_->upkeep(at); !kept)
        die(to_string(kept.error()));
    return *inserted;
  }
  std::optional<std::uint64_t> find(std::uint64_t n, instant at) {
    const auto found = ids_->find(identity_of(n), at);
    if (!found)
      die(to_string(found.error()));
    return *found ? std::optional{(*found)->sequence} : std::nullopt;
  }

  std::string directory_;
  settings how_;
  imagined_log log_;
  std::unique_ptr<journal::background_thread> thread_;
  std::vector<hash128> ahead_;
  std::unique_ptr<journal::dedupe_buckets> ids_;
};

struct rate {
  double events_per_s = 0;
  double cpu_us = 0;
  double slowest_ms = 0; // of a batch
};

class run {
 public:
  run(window& of, const settings& how) : of_{of}, how_{how} {}

  rate add(std::uint64_t count) {
    rate found;
    const double begin = seconds_now();
    const double cpu = cpu_now();
    double last = begin;
    const std::uint64_t end = next_ + count;
    while (next_ < end) {
      invented_ += how_.batch - of_.add(next_, how_.batch, time_of(next_, how_));
      next_ += how_.batch;
      if (next_ / how_.batch % 500 == 0) // a node's upkeep comes every few seconds
        of_.upkeep(time_of(next_, how_));
      const double now = seconds_now();
      found.slowest_ms = std::max(found.slowest_ms, (now - last) * 1e3);
      last = now;
    }
    found.events_per_s = static_cast<double>(count) / (last - begin);
    found.cpu_us = (cpu_now() - cpu) / static_cast<double>(count) * 1e6;
    return found;
  }

  /// Of any age within the window; how many were found.
  std::uint64_t repeat(std::uint64_t count) {
    std::mt19937_64 random{count};
    std::uint64_t found = 0;
    const instant now = time_of(next_, how_);
    // The last batch of the window's edge is left out: it goes within a batch's time.
    const std::uint64_t first = next_ - std::min(next_, how_.identities - 2 * how_.batch);
    for (std::uint64_t i = 0; i < count; i += how_.batch) {
      std::vector<std::uint64_t> asked;
      for (std::uint64_t j = 0; j < how_.batch; ++j)
        asked.push_back(first + random() % (next_ - first));
      found += of_.known(asked, now);
    }
    return found;
  }

  /// Until no full bucket waits for its file.
  void settle() {
    while (of_.counted().in_memory >= limits::dedupe_bucket_identities) {
      of_.upkeep(time_of(next_, how_));
      wait_a_little();
    }
  }

  double restart() {
    of_.close();
    const double begin = seconds_now();
    of_.open(time_of(next_, how_));
    return seconds_now() - begin;
  }

  std::uint64_t next() const { return next_; }
  std::uint64_t invented() const { return invented_; }

 private:
  window& of_;
  settings how_;
  std::uint64_t next_ = 0;
  std::uint64_t invented_ = 0; // fresh ones that were taken for known
};

settings parse(int argc, char** argv) {
  settings how;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      how.json = true;
    else if (argument == "--below")
      how.below = true;
    else if (argument == "--over")
      how.over = true;
    else if (argument.starts_with("--fill="))
      how.fill = argument.substr(7);
    else if (argument.starts_with("--identities="))
      how.identities = std::strtoull(argv[i] + 13, nullptr, 10);
    else
      die("usage: dedupe [--identities=N] [--below|--fill=DIR [--over]] [--json]; files go below "
          "$TMPDIR, not on a tmpfs");
  }
  if (!how.fill.empty())
    how.began =
        from_ns(
            std::chrono::nanoseconds{std::chrono::system_clock::now().time_since_epoch()}.count()) -
        limits::dedupe_window * (how.over ? 2 : 1);
  how.measured = std::min(how.measured, how.identities / 4);
  for (std::uint64_t* each : {&how.identities, &how.measured, &how.checked})
    *each = std::max(*each / how.batch, std::uint64_t{4}) * how.batch;
  return how;
}

void print(const settings& how, const rate& empty, const rate& full, std::uint64_t repeated,
           const run& done, const counts& at_end, double restart_s, std::uint64_t after) {
  const char* const format =
      how.json ? "{\"via\":\"%s\",\"identities\":%llu,\"empty_events_per_s\":%.0f,"
                 "\"full_events_per_s\":%.0f,\"full_of_empty\":%.3f,\"empty_cpu_us\":%.3f,"
                 "\"full_cpu_us\":%.3f,\"empty_slowest_ms\":%.1f,\"full_slowest_ms\":%.1f,"
                 "\"fresh_checked\":%llu,\"fresh_taken_for_known\":%llu,\"repeats_checked\":%llu,"
                 "\"repeats_found\":%llu,\"found_after_restart\":%llu,\"restart_s\":%.2f,"
                 "\"memory_mb_max\":%.0f,\"buckets\":%llu,\"bytes_an_identity\":%.1f,"
                 "\"reads\":%llu,\"false_reads\":%llu}\n"
               : "via                    %s\nidentities             %llu\n"
                 "empty, events/s        %.0f\nfull, events/s         %.0f (%.3f of empty)\n"
                 "CPU us an event        %.3f empty, %.3f full\n"
                 "slowest batch, ms      %.1f empty, %.1f full\n"
                 "fresh checked          %llu, %llu of them taken for known\n"
                 "repeats checked        %llu, %llu of them found, %llu after the restart\n"
                 "restart, s             %.2f\nmemory, MB at most     %.0f\n"
                 "buckets                %llu, %.1f bytes an identity\n"
                 "reads of files         %llu, %llu of them for nothing\n";
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(format, how.below ? "the window alone" : "journal::commit", number(how.identities),
              empty.events_per_s, full.events_per_s, full.events_per_s / empty.events_per_s,
              empty.cpu_us, full.cpu_us, empty.slowest_ms, full.slowest_ms, number(done.next()),
              number(done.invented()), number(how.checked), number(repeated), number(after),
              restart_s, memory_mb("VmHWM"), number(at_end.buckets),
              static_cast<double>(at_end.bytes) /
                  static_cast<double>(std::max<std::uint64_t>(at_end.buckets, 1)) /
                  static_cast<double>(limits::dedupe_bucket_identities),
              number(at_end.reads), number(at_end.false_reads));
}

int fill(const settings& how) {
  whole_journal store{how.fill, how};
  store.open(how.began);
  run all{store, how};
  all.add(how.identities);
  all.settle();
  while (store.upkeep(time_of(all.next(), how))) // or the node that opens it has it to do
    ;
  store.close();
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const settings how = parse(argc, argv);
  if (!how.fill.empty())
    return fill(how);
  const char* base = std::getenv("TMPDIR");
  std::string directory = std::string{base == nullptr ? "/tmp" : base} + "/dedupe-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    die("making a directory for the files");
  std::unique_ptr<window> measured;
  if (how.below)
    measured = std::make_unique<window_alone>(directory + "/store", how);
  else
    measured = std::make_unique<whole_journal>(directory + "/store", how);
  measured->open(how.began);
  run all{*measured, how};
  const rate empty = all.add(how.measured);
  all.add(how.identities - how.measured);
  all.settle();
  const rate full = all.add(how.measured);
  all.settle();
  const std::uint64_t found = all.repeat(how.checked);
  const counts at_end = measured->counted();
  const double restart_s = all.restart();
  const std::uint64_t after = all.repeat(how.checked);
  print(how, empty, full, found, all, at_end, restart_s, after);
  measured->close();
  std::filesystem::remove_all(directory);
  return all.invented() == 0 && found == how.checked && after == how.checked ? 0 : 1;
}
