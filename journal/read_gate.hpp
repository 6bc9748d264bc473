// Between a store's writer and the readers of the same process. Their calls can follow one another
// without a gap, and while one is under way the log cannot begin anew: it would grow as long as
// they are busy. So the writer, when the log has become large, keeps new calls out for a moment.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace skein::journal {

class read_gate {
 public:
  /// A call of a reader: from its first look at the store to its last.
  class [[nodiscard]] visit {
   public:
    /// Waits while the gate is kept shut.
    explicit visit(read_gate& gate) : gate_{gate} { gate_.enter(); }
    ~visit() { gate_.leave(); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;

   private:
    read_gate& gate_;
  };

  /// From its making to its end no call begins. One writer at a time.
  class [[nodiscard]] quiet {
   public:
    /// Waits for the calls that are under way, but no longer than `patience`.
    quiet(read_gate& gate, std::chrono::milliseconds patience) : gate_{gate} {
      is_alone_ = gate_.shut(patience);
    }
    ~quiet() { gate_.open(); }
    quiet(const quiet&) = delete;
    quiet& operator=(const quiet&) = delete;
    /// Those calls are over.
    bool is_alone() const noexcept { return is_alone_; }

   private:
    read_gate& gate_;
    bool is_alone_ = false;
  };

 private:
  void enter();
  void leave();
  bool shut(std::chrono::milliseconds patience);
  void open();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t inside_ = 0; // guarded by mutex_
  bool is_shut_ = false;   // guarded by mutex_
};

} // namespace skein::journal
