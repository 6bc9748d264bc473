#include "journal/derived_table.hpp"

#include <string>

namespace skein::journal {

namespace {

result<std::string> schema_of(database& db, const std::string& name) {
  auto query = db.prepare("SELECT sql FROM sqlite_schema WHERE name = '" + name + "'");
  if (!query)
    return query.error();
  if (const int code = query->step(); code != SQLITE_ROW)
    return sqlite_error(db.raw(), code, "looking for the table '" + name + "'");
  return std::string{query->text(0)};
}

result<void> put_aside(database& db, const std::string& name) {
  const auto schema = schema_of(db, name);
  if (!schema)
    return schema.error();
  const auto number =
      db.number("SELECT count(*) FROM sqlite_schema WHERE name LIKE '" + name + "_damaged_%'");
  if (!number)
    return number.error();
  const std::string aside = name + "_damaged_" + std::to_string(*number + 1);
  return db.run("ALTER TABLE " + name + " RENAME TO " + aside + ";" + *schema);
}

} // namespace

result<bool> is_readable(database& db, const derived_table& table) {
  const auto read = db.number(table.probe);
  if (read || !is_unreadable(read.error().code))
    return read ? result<bool>{true} : read.error();
  return false;
}

result<void> empty(database& db, const derived_table& table, bool readable) {
  return readable ? db.run(std::string{"DELETE FROM "} + table.name) : put_aside(db, table.name);
}

} // namespace skein::journal
