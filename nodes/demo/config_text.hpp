// The configuration of one of the demo's nodes. They differ in the addresses of the others, as each
// node reaches them by relays of its own; but for that they are one cluster.toml.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace skein::demo {

inline constexpr const char* agent_name = "counter";
inline constexpr const char* job_name = "tick";
inline constexpr const char* step_type = "demo.step";
inline constexpr const char* sum_type = "demo.sum";

struct other_node {
  std::string name;
  std::string broker; // the relay on the way to it
};

struct node_setting {
  std::string cluster;
  std::string name;
  std::string store; // empty: its folder
  std::string broker;
  std::string data;
  std::vector<other_node> others;
  std::string program; // this binary
  std::string worker;  // its word for the agent's program
  std::string history; // file in which that writes down what it did
};

std::string config_text(const node_setting& of);

} // namespace skein::demo
