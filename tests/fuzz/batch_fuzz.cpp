// A batch: each of its events is one that could have come alone.
#include "fuzz_event.hpp"

using namespace skein;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto events = read_batch(fuzz::text_of(data, size));
  if (!events) {
    fuzz::check_error(events.error());
    return 0;
  }
  SKEIN_CHECK(events->size() <= limits::batch_events_max);
  for (const event& value : *events)
    fuzz::check_event(value);
  return 0;
}
