#include "actors/config_asks.hpp"

#include <utility>

namespace skein {

namespace {

constexpr std::chrono::seconds again_after{1};
constexpr std::chrono::seconds silent_after{10};
constexpr std::size_t under_way_max = 64;
constexpr std::size_t answers_kept = 64;

} // namespace

void config_asks::ask(const std::string& node, std::function<void(api_answer)> done,
                      const frame_maker& make) {
  std::uint64_t request = 0;
  slice frame;
  {
    const std::lock_guard lock{mutex_};
    if (!closed_) {
      request = ++last_;
      frame = make(request);
      open_[request] = {node, frame, clock_.now().boot + silent_after, done};
    }
  }
  if (request == 0)
    return done({errc::draining, "the node is shutting down"});
  bus_.send(std::move(frame)); // what is lost is sent again
  look_later(request);
}

void config_asks::settle(std::uint64_t request, const std::string& node, api_answer how) {
  std::function<void(api_answer)> done;
  {
    const std::lock_guard lock{mutex_};
    const auto found = open_.find(request);
    if (found == open_.end() || found->second.node != node)
      return; // answered before
    done = std::move(found->second.done);
    open_.erase(found);
  }
  done(std::move(how));
}

void config_asks::look_later(std::uint64_t request) {
  clock_.wake_at(clock_.now().boot + again_after, [weak = weak_from_this(), request] {
    if (const auto self = weak.lock())
      self->look(request);
  });
}

void config_asks::look(std::uint64_t request) {
  std::function<void(api_answer)> late;
  std::string node;
  slice frame;
  {
    const std::lock_guard lock{mutex_};
    const auto found = open_.find(request);
    if (found == open_.end())
      return;
    node = found->second.node;
    frame = found->second.frame;
    if (clock_.now().boot >= found->second.until) {
      late = std::move(found->second.done);
      open_.erase(found);
    } else {
      bus_.send(frame);
    }
  }
  if (late)
    return late({errc::timed_out, "node " + node + " does not answer"});
  look_later(request);
}

bool config_asks::is_new(const frame_header& asker, std::uint64_t request) {
  const asked which{asker.from.node, asker.boot, request};
  const std::lock_guard lock{mutex_};
  if (const auto found = asked_.find(which); found != asked_.end()) {
    if (!found->second.empty())
      bus_.send(found->second);
    return false;
  }
  if (closed_ || asked_.size() - answered_.size() >= under_way_max)
    return false; // it comes again
  asked_.emplace(which, slice{});
  return true;
}

void config_asks::answer_to(const frame_header& asker, std::uint64_t request, slice answer) {
  const asked which{asker.from.node, asker.boot, request};
  const std::lock_guard lock{mutex_};
  if (closed_)
    return;
  asked_[which] = answer;
  answered_.push_back(which);
  if (answered_.size() > answers_kept) {
    asked_.erase(answered_.front());
    answered_.pop_front();
  }
  bus_.send(std::move(answer));
}

void config_asks::close() {
  std::map<std::uint64_t, question> open;
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    open.swap(open_);
  }
  for (auto& [request, each] : open)
    each.done({errc::draining, "the node is shutting down"});
}

} // namespace skein
