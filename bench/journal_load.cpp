#include "bench/journal_load.hpp"

#include "bench/load.hpp"

#include <algorithm>
#include <utility>

namespace skein::bench {

journal_load::journal_load(const std::string& url, journal::open_options how, std::size_t batch)
  : batch_{batch}, now_{how.now} {
  how.seed = 1;
  engine_ = must(journal::open(url, how));
}

std::size_t journal_load::recover() {
  std::size_t found = 0;
  if (auto done = engine_->recover([&](const journal::pending_event&) { ++found; }); !done)
    die(to_string(done.error()));
  agent_ = must(engine_->agent_number("agent"));
  return found;
}

void journal_load::make_models() {
  for (std::size_t i = 0; i < journal_load_keys; ++i) {
    event model;
    model.id = "event-" + std::to_string(i);
    model.source = "bench";
    model.type = "bench.event";
    model.subject = "key-" + std::to_string(i);
    model.kind = data_kind::text;
    model.datacontenttype = "text/plain";
    model.data.assign(journal_load_body_bytes - 60, 'x');
    models_.push_back(must(offer(model, engine_->identity().hash, {}, now_)));
  }
}

void journal_load::add_accepts() {
  if (models_.empty())
    make_models();
  for (std::size_t i = 0; i < batch_; ++i, ++accepted_in_all_) {
    journal::accept_op op;
    op.epoch = epoch_no{engine_->identity().boot};
    op.event = models_[accepted_in_all_ % journal_load_keys];
    op.event.identity.low += accepted_in_all_ * 0x9e3779b97f4a7c15ull;
    op.event.identity.high ^= accepted_in_all_;
    op.deliveries.add(agent_);
    operations_.emplace_back(std::move(op));
  }
}

void journal_load::add_finishes() {
  for (const event_id event : accepted_) {
    journal::finish_op op;
    op.epoch = epoch_no{engine_->identity().boot};
    op.delivery = {event, 0};
    op.agent = agent_;
    op.attempt = 1;
    op.started = op.finished = now_;
    operations_.emplace_back(std::move(op));
  }
  accepted_.clear();
}

void journal_load::shuffle() { std::shuffle(accepted_.begin(), accepted_.end(), random_); }

void journal_load::forget() { accepted_.clear(); }

void journal_load::commit(duration pause) {
  now_ += pause;
  const auto receipt = must(engine_->commit(operations_, now_));
  for (const auto& each : receipt.results) {
    if (each.status != journal::op_status::applied)
      die("an operation was refused");
    if (each.event)
      accepted_.push_back(each.event);
  }
  operations_.clear();
}

bool journal_load::upkeep() { return must(engine_->upkeep(now_)); }

} // namespace skein::bench
