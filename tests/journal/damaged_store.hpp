// A closed store with a record of each kind, to be damaged byte by byte.
#pragma once

#include "tests/journal/chained_store.hpp"

namespace skein::test {

/// One event that failed once and then ended with a reply and a state; one that waits.
struct damaged_store {
  chained_store chained;
  event_id ended;
  event_id waiting;
  std::unique_ptr<reader> view;

  damaged_store() {
    must(chained.open());
    const auto receipt =
        chained.commit({accept("first", "data-first"), accept("next", "data-next")});
    ended = receipt.results[0].event;
    waiting = receipt.results[1].event;
    attempt_op failed;
    failed.delivery = first_of(ended);
    failed.attempt = 1;
    failed.code = errc::agent_failed;
    failed.error = "error-of-an-attempt";
    failed.next_due = chained.now;
    chained.commit({failed});
    finish_op done;
    done.delivery = first_of(ended);
    done.attempt = 2;
    done.error = "error-of-an-outcome";
    done.reply_kind = data_kind::text;
    done.reply = slice{std::string{"reply-of-it"}};
    done.state_of_key =
        state_change{.key = "k", .erase = false, .value = slice{std::string{"state-of-k"}}};
    chained.commit({done});
    chained.close();
  }

  accept_op accept(const std::string& id, const std::string& data) const {
    event value;
    value.id = id;
    value.source = "/s";
    value.type = "t";
    value.kind = data_kind::text;
    value.datacontenttype = "text/plain";
    value.data = data;
    accept_op op;
    op.event = must(offer(value, chained.store->identity().hash, {}, chained.now));
    op.deliveries.add(agent_no{0});
    return op;
  }

  void change(const std::string& text) {
    std::string& bytes = chained.disk.bytes(chained.file());
    bytes[place_of(text, bytes)] ^= 1;
  }
  void open() {
    must(chained.open());
    view = must(chained.store->new_reader());
  }
};

} // namespace skein::test
