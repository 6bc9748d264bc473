// One event in JSON, as a producer sends it and as an agent emits it.
#include "fuzz_event.hpp"

using namespace skein;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json = fuzz::text_of(data, size);
  const auto value = read_structured(json);
  if (value)
    fuzz::check_event(*value);
  else
    fuzz::check_error(value.error());

  const auto emitted = read_emit(json);
  SKEIN_CHECK(emitted.ok() || !value.ok()); // what an agent may leave out, it may also say
  SKEIN_CHECK(!value || check_json(json).ok());
  return 0;
}
