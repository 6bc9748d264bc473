// One part's connection to the broker: a thread that owns a DEALER, with a bounded queue in front.
#pragma once

#include "nodes/broker/broker.hpp"
#include "nodes/broker/zmq_frames.hpp"

#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace skein {

class link : public bus_port {
 public:
  /// Connects at once and greets; frames to and from parts of this name then flow.
  link(zmq::context_t& context, const std::string& endpoint, address self, frame_sink sink);
  ~link() override;

  /// Any thread. False when limits::link_queue_frames_max frames wait already.
  bool send(slice frame) override;

 private:
  void run();
  bool take_queue();
  void flush();
  void take_frames();

  address self_;
  frame_sink sink_;
  zmq::socket_t dealer_;
  wake_fd wake_;
  std::mutex mutex_;
  std::vector<slice> queue_;  // guarded by mutex_
  bool stopping_ = false;     // guarded by mutex_
  std::deque<slice> sending_; // the thread's own
  std::thread thread_;
};

} // namespace skein
