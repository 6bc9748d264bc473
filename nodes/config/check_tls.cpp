#include "nodes/config/config_rules.hpp"

namespace skein {

void check_tls(rule_context context, cluster_config& out) {
  const configured_section& section = context.section();
  out.tls.certificate = section.get<std::string>("certificate");
  out.tls.key = section.get<std::string>("key");
  out.tls.client_ca = section.get<std::string>("client_ca");
  if (out.tls == tls_files{})
    return;
  for (const std::string_view each : {"certificate", "key"})
    if (section.get<std::string>(each).empty())
      return context.error(each, "is missing", "certificate and key are given together");
  for (std::string* each : {&out.tls.certificate, &out.tls.key, &out.tls.client_ca})
    if (!each->empty() && each->front() != '/')
      *each = context.around().folder + "/" + *each;
  const auto identity = load_identity(out.tls);
  if (!identity)
    return context.error("certificate", identity.error().detail,
                         "a certificate, its key without a pass phrase, and authorities are PEM "
                         "files");
  if (identity->key_is_open)
    context.warning("key", "everybody on this machine can read " + out.tls.key,
                    "chmod o-r takes that away");
}

} // namespace skein
