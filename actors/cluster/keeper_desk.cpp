#include "actors/cluster/keeper_desk.hpp"

#include "actors/arguments.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace skein {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds held_again_after{50};
constexpr std::chrono::milliseconds greeted_again_after{200};
constexpr std::chrono::seconds known_for{1};
constexpr std::size_t answers_kept = 256;
constexpr std::size_t former_kept = 256;
constexpr std::size_t answer_bytes_max = limits::frame_bytes_max / 2;

/// What changes nothing, or says again what was said before.
constexpr std::array<std::string_view, 9> repeatable{"job.list",   "job.graph",    "job.describe",
                                                     "job.next",   "job.history",  "job.explain",
                                                     "token.list", uses_operation, note_operation};
constexpr std::string_view greeting = "keeper.hello";

bool is_change(std::string_view operation) {
  return std::find(repeatable.begin(), repeatable.end(), operation) == repeatable.end();
}

std::string words_of(const caller& by, std::string_view operation, const std::string& arguments) {
  return json{{"op", operation}, {"arguments", arguments}, {"who", by.who}, {"from", by.from}}.dump(
      -1, ' ', false, json::error_handler_t::replace);
}

constexpr std::string_view nobody_keeps =
    "the jobs and the tokens are on their way to another node; try again";
constexpr std::string_view not_known =
    "the node that is to do it did not answer; look whether it was";

} // namespace

std::string keeper_of(const shard_owners& owners) {
  if (owners.owners.empty() || owners.owners[raw(keeper_shard)] == no_member)
    return {};
  return owners.nodes.at(owners.owners[raw(keeper_shard)]);
}

bool is_for_keepers(std::string_view operation) noexcept {
  return operation.starts_with("job.") || operation.starts_with("token.") ||
         operation == note_operation;
}

bool is_for_node(std::string_view operation) noexcept {
  return operation == "node.drain" || operation == "node.undrain";
}

keeper_desk::keeper_desk(desk_settings settings)
  : settings_{std::move(settings)}, courier_{{settings_.node, std::string{keeper_desk_name}},
                                             settings_.boot} {}

void keeper_desk::step(desk_input input, moment now, std::vector<desk_effect>& out) {
  now_ = now;
  out_ = &out;
  std::visit([this](auto& body) { on(body); }, input);
  arm();
  out_ = nullptr;
}

// ---- what is asked here -------------------------------------------------------------------------

void keeper_desk::on(desk_ask_in& input) {
  question& made = questions_[input.ticket];
  made.by = std::move(input.by);
  made.operation = std::move(input.operation);
  made.arguments = std::move(input.arguments);
  made.node = std::move(input.node);
  made.until = now_.boot + settings_.answer_within;
  place(input.ticket, made);
}

void keeper_desk::place(std::uint64_t ticket, question& which) {
  const bool is_of_node = !which.node.empty();
  if (is_of_node ? which.node == settings_.node : here_) {
    which.is_here = true;
    return ask_keepers({ticket, 0, which.until}, which.by, which.operation, which.arguments);
  }
  const std::string node = is_of_node ? which.node : keeper_of(owners_);
  if (node.empty() || node == settings_.node)
    return; // held
  const bool pinned = is_change(which.operation);
  if (pinned && !knows_process_of(node))
    return greet(node);
  send(ticket, which, node, pinned);
}

void keeper_desk::send(std::uint64_t ticket, question& which, const std::string& node,
                       bool pinned) {
  const address to{node, std::string{keeper_desk_name}};
  const std::uint64_t request = ++last_request_;
  auto [bytes, number] = courier_.seal_reliable(
      to, query{request, words_of(which.by, which.operation, which.arguments)}, now_.boot,
#ifdef SKEIN_BUG_COMMAND_FOR_ANY_PROCESS
      0);
#else
      pinned ? processes_.at(node).boot : 0);
#endif
  which.sent = sending{to, number, request, pinned};
  tickets_[request] = ticket;
  out_->push_back(send_effect{std::move(bytes)});
}

/// What it was a while ago it need not be now.
bool keeper_desk::knows_process_of(const std::string& node) const {
  const auto known = processes_.find(node);
  return known != processes_.end() && known->second.heard + known_for >= now_.boot;
}

/// Which process has that desk?
void keeper_desk::greet(const std::string& node) {
  const auto [last, is_new] = greeted_.try_emplace(node, now_.boot);
  if (!is_new && last->second + greeted_again_after > now_.boot)
    return;
  last->second = now_.boot;
  out_->push_back(send_effect{
      courier_.seal({node, std::string{keeper_desk_name}}, query{0, words_of({}, greeting, {})})});
}

void keeper_desk::hold(question& which) {
  if (which.sent) {
    courier_.acknowledged(which.sent->to, which.sent->number);
    tickets_.erase(which.sent->request);
  }
  which.sent.reset();
  which.is_here = false;
}

void keeper_desk::place_held() {
  for (auto& [ticket, each] : questions_)
    if (!each.is_here && !each.sent)
      place(ticket, each);
}

void keeper_desk::settle(std::uint64_t ticket, errc code, std::string body) {
  const auto found = questions_.find(ticket);
  if (found == questions_.end())
    return;
  hold(found->second); // nothing of it is sent any more
  questions_.erase(found);
  out_->push_back(desk_answer_effect{ticket, {code, std::move(body)}});
}

/// Those that were asked will not answer.
void keeper_desk::lose(const std::vector<std::uint64_t>& tickets) {
  for (const std::uint64_t each : tickets) {
    question& which = questions_.at(each);
    if (is_change(which.operation))
      settle(each, errc::timed_out, std::string{not_known});
    else
      hold(which);
  }
}

// ---- the owner, and the keepers here ------------------------------------------------------------

void keeper_desk::on(desk_owners_in& input) {
  owners_ = std::move(input.all);
  std::vector<std::uint64_t> lost;
  for (const auto& [ticket, each] : questions_)
    if (each.sent && std::find(owners_.nodes.begin(), owners_.nodes.end(), each.sent->to.node) ==
                         owners_.nodes.end())
      lost.push_back(ticket);
  lose(lost);
  place_held();
}

void keeper_desk::on(desk_keepers_in& input) {
  here_ = input.here;
  place_held();
}

void keeper_desk::ask_keepers(open_ask whose, caller by, std::string operation,
                              std::string arguments) {
  asks_.emplace(++last_ask_, std::move(whose));
  out_->push_back(
      ask_keepers_effect{last_ask_, std::move(by), std::move(operation), std::move(arguments)});
}

void keeper_desk::on(desk_answer_in& input) {
  const auto found = asks_.extract(input.ask);
  if (found.empty())
    return; // too late
  const open_ask& whose = found.mapped();
  const bool nothing_was_done = input.said.code == errc::fenced; // another node has the shard
  if (const auto* ticket = std::get_if<std::uint64_t>(&whose.whose)) {
    const auto asked = questions_.find(*ticket);
    if (nothing_was_done && asked != questions_.end())
      return hold(asked->second);
    return settle(*ticket, input.said.code, std::move(input.said.body));
  }
  if (nothing_was_done)
    answer_desk(whose, errc::not_owner, std::string{nobody_keeps});
  else
    answer_desk(whose, input.said.code, std::move(input.said.body));
}

// ---- other desks --------------------------------------------------------------------------------

void keeper_desk::on(frame_in& input) {
  const frame_header& header = input.value.header;
  if (!hear_process(header))
    return;
  if (const auto* asked = std::get_if<query>(&input.value.body))
    on_query(header, *asked);
  else if (const auto* said = std::get_if<answer>(&input.value.body))
    on_answer(header, *said);
}

/// With another process the one before is gone, with what it was asked and has not answered. False:
/// it is of one before, or of nobody who takes part.
bool keeper_desk::hear_process(const frame_header& header) {
  const std::string& node = header.from.node;
  const bool takes_part =
      std::find(owners_.nodes.begin(), owners_.nodes.end(), node) != owners_.nodes.end();
  if (!takes_part || header.from.name != keeper_desk_name || header.boot == 0 ||
      former_.contains({node, header.boot}))
    return false;
  process& known = processes_[node];
  const std::uint64_t before = std::exchange(known.boot, header.boot);
  known.heard = now_.boot;
  if (before != 0 && before != header.boot) {
    if (former_.size() >= former_kept)
      former_.erase(former_.begin());
    former_.emplace(node, before);
    std::vector<std::uint64_t> lost;
    for (const auto& [ticket, each] : questions_)
      if (each.sent && each.sent->pinned && each.sent->to.node == node)
        lost.push_back(ticket);
    lose(lost);
  }
  place_held();
  return true;
}

void keeper_desk::on_query(const frame_header& header, const query& body) {
  const json words = json::parse(body.json, nullptr, false);
  if (!words.is_object())
    return;
  std::string operation = said(words, "op");
  const open_ask whose{header, body.request, now_.boot + settings_.answer_within};
  if (operation == greeting)
    return answer_desk(whose, errc::none, "{}");
  const bool is_new = courier_.first_time(header);
  if (header.number == 0)
    return;
  if (!is_for_keepers(operation) && !is_for_node(operation))
    return answer_desk(whose, errc::invalid_argument, "unknown operation " + operation);
  if (!is_new && is_change(operation)) {
    for (const remembered& each : answers_)
      if (each.asked == header)
        out_->push_back(send_effect{each.answer});
    return;
  }
  if (!here_ && !is_for_node(operation))
    return answer_desk(whose, errc::not_owner, std::string{nobody_keeps});
  caller by{said(words, "who"), said(words, "from")};
  if (by.who.empty() && is_change(operation))
    by.who = header.from.node; // no change without a name in its record
  ask_keepers(whose, std::move(by), std::move(operation), said(words, "arguments"));
}

void keeper_desk::answer_desk(const open_ask& whose, errc code, std::string body) {
  const auto& asked = std::get<frame_header>(whose.whose);
  if (body.size() > answer_bytes_max) {
    code = errc::too_large;
    body = "ask the node that keeps the jobs: the answer does not fit between nodes";
  }
  slice bytes = courier_.seal_answer(asked, answer{whose.request, code, std::move(body)});
  if (asked.to_boot != 0 && code != errc::not_owner) // of a change
    answers_.push_back({asked, bytes});
  if (answers_.size() > answers_kept)
    answers_.pop_front();
  out_->push_back(send_effect{std::move(bytes)});
}

void keeper_desk::on_answer(const frame_header& header, const answer& body) {
  const auto ticket = tickets_.find(body.request);
  if (ticket == tickets_.end())
    return; // of a sending before, or a greeting
  question& which = questions_.at(ticket->second);
  if (which.sent->to != header.from)
    return;
  if (body.code == errc::not_owner)
    return hold(which); // nothing was done
  settle(ticket->second, body.code, body.json);
}

// ---- time ---------------------------------------------------------------------------------------

void keeper_desk::on(tick_in&) {
  if (armed_ && *armed_ <= now_.boot)
    armed_.reset();
  end_late();
  for (slice& frame : courier_.due(now_.boot))
    out_->push_back(send_effect{std::move(frame)});
  for (const auto& [ticket, each] : questions_)
    if (each.sent && each.sent->pinned && !knows_process_of(each.sent->to.node))
      greet(each.sent->to.node); // another one may be there by now
  place_held();
}

void keeper_desk::end_late() {
  std::erase_if(asks_, [this](const auto& each) { return each.second.until <= now_.boot; });
  std::vector<std::uint64_t> late;
  for (const auto& [ticket, each] : questions_)
    if (each.until <= now_.boot)
      late.push_back(ticket);
  for (const std::uint64_t each : late) {
    const question& which = questions_.at(each);
    if (!which.is_here && !which.sent && !which.node.empty())
      settle(each, errc::timed_out, "node " + which.node + " does not answer; nothing was done");
    else if (!which.is_here && !which.sent)
      settle(each, errc::not_owner, std::string{nobody_keeps});
    else if (is_change(which.operation))
      settle(each, errc::timed_out, std::string{not_known});
    else
      settle(each, errc::timed_out, "the node that has the jobs and the tokens did not answer");
  }
}

void keeper_desk::arm() {
  std::optional<boot_time> next = courier_.next_due();
  const auto sooner = [&next](boot_time at) { next = next ? std::min(*next, at) : at; };
  for (const auto& [ask, each] : asks_)
    sooner(each.until);
  for (const auto& [ticket, each] : questions_) {
    sooner(each.until);
    if (!each.is_here && !each.sent)
      sooner(now_.boot + held_again_after);
  }
  if (!next || (armed_ && *armed_ <= *next && *armed_ > now_.boot))
    return;
  armed_ = next;
  out_->push_back(wake_effect{*next});
}

} // namespace skein
