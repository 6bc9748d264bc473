#include "nodes/agents/exec_runner.hpp"

#include "protocol/check.hpp"

#include <future>

namespace skein {

exec_runner::exec_runner(std::shared_ptr<exec_reactor> reactor, agent_settings settings,
                         runner_sink sink, exec_log log, std::function<instant()> clock,
                         exec_timing timing)
  : reactor_{std::move(reactor)}, agent_{make_exec_agent(*reactor_, std::move(settings),
                                                         std::move(sink), std::move(log),
                                                         std::move(clock), timing)} {
  reactor_->post([agent = agent_.get()] { agent->open(); });
}

exec_runner::~exec_runner() {
  SKEIN_CHECK(!reactor_->on_own_thread());
  // Shared: the other thread may still be inside set_value when the wait is over.
  const auto closed = std::make_shared<std::promise<void>>();
  reactor_->post(
      [this, closed] { agent_->close(duration::max(), [closed] { closed->set_value(); }); });
  closed->get_future().wait();
  const auto gone = std::make_shared<std::promise<void>>();
  reactor_->post([this, gone] {
    agent_.reset();
    gone->set_value();
  });
  gone->get_future().wait();
}

void exec_runner::start(std::vector<turn_start> turns) {
  // std::function wants a copyable task.
  auto batch = std::make_shared<std::vector<turn_start>>(std::move(turns));
  reactor_->post([agent = agent_.get(), batch] { agent->start(std::move(*batch)); });
}

void exec_runner::stop(turn_id turn, stop_stage stage) {
  reactor_->post([agent = agent_.get(), turn, stage] { agent->stop(turn, stage); });
}

void exec_runner::drain() {
  reactor_->post([agent = agent_.get()] { agent->drain(); });
}

void exec_runner::close(duration patience) {
  reactor_->post([agent = agent_.get(), patience] { agent->close(patience, {}); });
}

} // namespace skein
