// The scripts by which shells complete commands of skein. They have no list of their own: they ask
// `skein complete`, whose first line says what to offer (words, files, folders) and whose others
// are a word and what it means, with a tab between them.
#pragma once

#include <string_view>

namespace skein::cli {

/// Of "bash", "zsh" or "fish"; empty for any other.
std::string_view completion_script(std::string_view shell);

} // namespace skein::cli
