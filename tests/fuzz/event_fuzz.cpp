// An encoded event, as it could lie in a frame or in a damaged store.
#include "fuzz_event.hpp"

using namespace skein;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const auto value = decode_event(bytes);
  const event_head head = read_head(bytes);
  if (!value) {
    fuzz::check_error(value.error());
    return 0;
  }
  SKEIN_CHECK(head.id == value->id && head.source == value->source && head.type == value->type);
  SKEIN_CHECK(head.key == value->key());
  SKEIN_CHECK(*decode_event(encode_event(*value)) == *value);
  return 0;
}
