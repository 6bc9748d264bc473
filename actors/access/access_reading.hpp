// What the keeper of tokens and records has in the journal, read.
#pragma once

#include "actors/access/access_core.hpp"

#include <string>
#include <string_view>

namespace skein {

result<void> recover_tokens(journal::reader& reader, agent_no tokens, access_core& core);

/// Keys of records behind that one: at most limits::audit_records_a_step.
old_records_in find_old_records(journal::reader& reader, agent_no audit, const std::string& behind);

/// The answer to audit.list: a page, the newest first.
api_answer list_audit(journal::reader& reader, agent_no audit, std::string_view arguments,
                      instant now);

/// Of a change that is about to be asked for.
audit_record audit_of(const caller& by, std::string_view node, std::string_view operation,
                      std::string_view arguments, instant at);
/// Whether after such an end the change was made, or perhaps was.
bool may_have_changed(errc code) noexcept;

} // namespace skein
