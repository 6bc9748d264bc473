// The guard of exec agents' programs as a program of its own, for tests.
#include "nodes/agents/program_guard.hpp"

int main() { return skein::guard_programs(); }
