#include "actors/access/access_core.hpp"

#include "actors/arguments.hpp"
#include <nlohmann/json.hpp>

#include <algorithm>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::chrono::seconds again_after{1};
constexpr std::chrono::hours drop_every{1};
constexpr std::size_t notes_a_commit = 1'000;

bool is_token_name(std::string_view name) {
  const auto alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= limits::agent_name_bytes_max && alnum(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

instant to_the_minute(instant at) {
  return instant{std::chrono::floor<std::chrono::minutes>(at.time_since_epoch())};
}

} // namespace

void access_core::recover(const std::string& name, std::string_view text) {
  if (auto token = read_token(name, text))
    tokens_.insert_or_assign(name, *std::move(token));
}

std::vector<access_token> access_core::valid_tokens() const {
  std::vector<access_token> valid;
  for (const auto& [name, each] : tokens_)
    if (!locked_.contains(name))
      valid.push_back(each);
  return valid;
}

void access_core::start(moment now, std::vector<access_effect>& out) {
  now_ = now;
  out_ = &out;
  next_drop_ = now.boot + limits::token_use_told;
  publish();
  arm(limits::token_use_told);
}

void access_core::step(access_input input, moment now, std::vector<access_effect>& out) {
  now_ = now;
  out_ = &out;
  std::visit([&](auto& each) { on(each); }, input);
  go_on();
}

void access_core::on(access_command_in& input) {
  if (input.operation == "token.list")
    return list(input.ticket);
  if (stopping_)
    return answer(input.ticket, errc::draining, "the node is shutting down");
  if (commands_.size() >= limits::access_commands_max)
    return answer(input.ticket, errc::overloaded,
                  std::to_string(commands_.size()) + " changes of tokens wait already");
  commands_.push_back(std::move(input));
}

/// What is too much for memory is kept in the log, as it is nowhere else.
void access_core::on(audit_note_in& input) {
  if (notes_.size() < limits::audit_notes_max)
    return notes_.push_back(std::move(input));
  log_effect line;
  line.severity = log_severity::error;
  line.id = "audit-record-dropped";
  line.text = "the store takes no records and too many wait; this one is here alone: " +
              audit_text(input.record);
  out_->push_back(std::move(line));
  answer(input.ticket, errc::overloaded,
         "it was done, but the record of it is in the log alone: the store takes none");
}

void access_core::on(token_uses_in& input) {
  for (const auto& [name, at] : input.uses)
    if (const auto found = tokens_.find(name); found != tokens_.end())
      if (const instant minute = to_the_minute(at); found->second.last_used < minute) {
        found->second.last_used = minute;
        uses_[name] = minute;
      }
}

void access_core::on(old_records_in& input) {
  old_keys_ = std::move(input.keys);
  more_old_ = input.more;
}

void access_core::on(tick_in&) {
  if (stopping_ || (armed_ && now_.boot < *armed_)) // the clock was set
    return;
  if (!tokens_.empty())
    out_->push_back(read_uses_effect{});
  if (now_.boot >= next_drop_) {
    next_drop_ = now_.boot + drop_every;
    out_->push_back(find_old_records_effect{audit_key_of(now_.wall - settings_.retention)});
  }
  arm(tokens_.empty() ? duration{drop_every} : duration{limits::token_use_told});
}

// ---- commits ------------------------------------------------------------------------------------

void access_core::go_on() {
  while (!sent_) {
    open_ = transaction{};
    take_uses();
    take_notes();
    if (open_->states.empty() && !old_keys_.empty()) {
      for (const std::string& each : std::exchange(old_keys_, {}))
        erase(settings_.audit_agent, each);
      open_->more_to_drop = more_old_;
    }
    const bool had_command = !commands_.empty();
    if (had_command)
      take_command();
    transaction made = *std::exchange(open_, std::nullopt);
    if (made.states.empty() && !had_command)
      return;
    if (made.states.empty())
      continue;
    journal::keep_op op;
    op.epoch = settings_.epoch; // on one node all shards have the same
    op.states = made.states;
    sent_ = std::move(made);
    submit_effect effect;
    effect.batch.emplace_back(std::move(op));
    out_->push_back(std::move(effect));
  }
}

void access_core::take_notes() {
  if (not_before_ && now_.boot < *not_before_)
    return;
  not_before_.reset();
  while (!notes_.empty() && open_->notes.size() < notes_a_commit) {
    put_record(notes_.front().record, notes_.front().number);
    open_->notes.push_back(std::move(notes_.front()));
    notes_.pop_front();
  }
}

/// Before the command, which may revoke one of them: the last word about a token is its own.
void access_core::take_uses() {
  if (not_before_ && now_.boot < *not_before_)
    return;
  for (const auto& [name, at] : std::exchange(uses_, {}))
    if (const auto found = tokens_.find(name); found != tokens_.end()) {
      put(settings_.tokens_agent, name, token_text(found->second));
      open_->used.push_back(name);
    }
}

void access_core::take_command() {
  const access_command_in input = std::move(commands_.front());
  commands_.pop_front();
  json words = json::parse(input.arguments, nullptr, false);
  if (!words.is_object())
    return answer(input.ticket, errc::invalid_argument, "the arguments are no JSON object");
  auto body = input.operation == "token.create" ? create(words, input.by)
              : input.operation == "token.revoke"
                  ? revoke(words)
                  : result<std::string>{
                        error{errc::invalid_argument, "there is no operation " + input.operation}};
  if (!body)
    return answer(input.ticket, body.error().code, body.error().detail);
  open_->answer = {input.ticket, *std::move(body)};
  words["name"] = open_->changed->first; // the one that was found, if none was given
  if (!input.by.who.empty())
    put_record(make_audit(input.by, settings_.node, input.operation, words, now_.wall));
}

result<std::string> access_core::create(const json& words, const caller& by) {
  access_token token;
  const auto may = parse_role(said(words, "role"));
  if (!may)
    return error{errc::invalid_argument, "role must be one of read, producer, worker, admin"};
  token.may = *may;
  token.name = said(words, "name");
  for (int i = 1; token.name.empty(); ++i)
    if (std::string free = std::string{to_text(*may)} + "-" + std::to_string(i);
        !tokens_.contains(free))
      token.name = std::move(free);
  if (!is_token_name(token.name))
    return error{errc::invalid_argument,
                 "name must be 1 to 64 of a-z A-Z 0-9 . _ -, beginning with a letter or a digit"};
  if (tokens_.contains(token.name))
    return error{errc::state_conflict, "there is a token " + token.name + " already"};
  if (tokens_.size() >= limits::tokens_max)
    return error{errc::overloaded, "there are " + std::to_string(limits::tokens_max) +
                                       " tokens, and that is the most: revoke some"};
  if (const std::string life = said(words, "expires_in"); !life.empty()) {
    const auto span = parse_duration(life);
    if (!span || *span <= duration{0} || *span > limits::token_life_max)
      return error{errc::invalid_argument, "expires_in must be a duration such as 90d, at most " +
                                               format_duration(limits::token_life_max)};
    token.expires = now_.wall + *span;
  }
  const auto digest = parse_digest(said(words, "digest"));
  if (!digest)
    return error{errc::invalid_argument, "digest must be 64 hexadecimal digits"};
  token.digest = *digest;
  token.prefix = said(words, "prefix");
  token.created = now_.wall;
  token.by = by.who;
  put(settings_.tokens_agent, token.name, token_text(token));
  std::string page = token_page(token, now_.wall);
  open_->changed = {token.name, std::move(token)};
  return page;
}

/// It is let in no more from now on, also while the store has not answered or if it refuses.
result<std::string> access_core::revoke(const json& words) {
  const std::string name = said(words, "name");
  const auto found = tokens_.find(name);
  if (found == tokens_.end())
    return error{errc::not_found, "there is no token " + name};
  erase(settings_.tokens_agent, name);
  open_->changed = {name, std::nullopt};
  locked_.insert(name);
  publish();
  const auto admins = std::count_if(tokens_.begin(), tokens_.end(), [&](const auto& each) {
    return each.second.may == role::admin && each.second.is_valid(now_.wall) &&
           !locked_.contains(each.first);
  });
  json body{{"name", name}, {"revoked", true}};
  if (admins == 0)
    body["warnings"] = {"no admin token is left: make one on the node's machine"};
  return body.dump();
}

void access_core::on(committed_in& input) {
  SKEIN_CHECK(sent_);
  if (!input.receipt)
    return undo(input.receipt.error());
  if (input.receipt->results.front().status != journal::op_status::applied)
    return undo({errc::fenced, "the shards of this node were taken over"});
  transaction done = *std::exchange(sent_, std::nullopt);
  if (done.changed) {
    auto& [name, token] = *done.changed;
    locked_.erase(name);
    if (token)
      tokens_.insert_or_assign(name, *std::move(token));
    else
      tokens_.erase(name);
    publish();
    arm(limits::token_use_told);
  }
  if (done.answer)
    answer(done.answer->first, errc::none, std::move(done.answer->second));
  for (const audit_note_in& each : done.notes)
    answer(each.ticket, errc::none, {});
  if (done.more_to_drop)
    out_->push_back(find_old_records_effect{audit_key_of(now_.wall - settings_.retention)});
}

/// A command is answered; all else is offered again later.
void access_core::undo(const error& why) {
  transaction refused = *std::exchange(sent_, std::nullopt);
  if (refused.answer)
    answer(refused.answer->first, why.code,
           why.detail + (!refused.changed || refused.changed->second ? ""
                         : settings_.shared
                             ? "; the other nodes still let it in: revoke it again"
                             : "; the token is let in no more until the next start: revoke it "
                               "again"));
  if (settings_.shared && why.code == errc::fenced) { // its keeper is another one now
    for (const audit_note_in& each : refused.notes)
      answer(each.ticket, errc::fenced, {});
    for (const audit_note_in& each : std::exchange(notes_, {}))
      answer(each.ticket, errc::fenced, {});
    return;
  }
  for (auto each = refused.notes.rbegin(); each != refused.notes.rend(); ++each) {
    if (each->ticket != 0 && !settings_.shared) {
      answer(each->ticket, why.code,
             "it was done, but the record of it could not be written yet: " + why.detail);
      each->ticket = 0;
    }
    notes_.push_front(std::move(*each));
  }
  for (const std::string& name : refused.used)
    if (const auto found = tokens_.find(name); found != tokens_.end())
      uses_[name] = found->second.last_used;
  if (notes_.empty() && uses_.empty())
    return;
  log_effect line;
  line.severity = log_severity::warning;
  line.id = "audit-refused";
  line.text = "what people changed is not written down yet: " + to_string(why);
  out_->push_back(std::move(line));
  not_before_ = now_.boot + again_after;
  arm(again_after);
}

// ---- helpers ------------------------------------------------------------------------------------

void access_core::put(agent_no agent, const std::string& key, std::string text) {
  open_->states.push_back({agent, {key, false, slice{std::move(text)}}});
}

void access_core::erase(agent_no agent, const std::string& key) {
  open_->states.push_back({agent, {key, true, {}}});
}

void access_core::put_record(const audit_record& record, std::string number) {
  if (number.empty())
    number = "a" + std::to_string(++records_);
  put(settings_.audit_agent, audit_key(record, number), audit_text(record));
}

void access_core::list(std::uint64_t ticket) {
  std::string body = "{\"tokens\":[";
  for (const auto& [name, each] : tokens_)
    if (!locked_.contains(name))
      body.append(body.ends_with('[') ? "" : ",").append(token_page(each, now_.wall));
  answer(ticket, errc::none, body + "]}");
}

void access_core::answer(std::uint64_t ticket, errc code, std::string body) {
  if (ticket != 0)
    out_->push_back(access_answer_effect{ticket, {code, std::move(body)}});
}

void access_core::publish() { out_->push_back(publish_tokens_effect{valid_tokens()}); }

void access_core::arm(duration after) {
  const boot_time at = now_.boot + after;
  if (armed_ && *armed_ <= at && *armed_ > now_.boot)
    return;
  armed_ = at;
  out_->push_back(wake_effect{at});
}

} // namespace skein
