// Runs all tests, or those whose name contains an argument; `tests --isas` names the instruction sets that run here.

#include "core/kernels.h"
#include "test/check.h"

int main(int count, char** arguments) {
  using namespace mixtape;
  if (count > 1 && std::strcmp(arguments[1], "--isas") == 0) {
    for (const Kernels* table : all_kernels()) std::printf("%s\n", table->name);
    return 0;
  }
  const auto is_wanted = [&](const char* name) {
    bool is_named = count == 1;
    for (int i = 1; i < count; i++) is_named = is_named || std::strstr(name, arguments[i]);
    return is_named;
  };
  size_t tests = 0;
  for (const check::Test& test : check::tests()) {
    if (!is_wanted(test.name)) continue;
    tests++;
    const size_t before = check::failures();
    test.run();
    if (check::failures() > before) std::fprintf(stderr, "%s: %zu failed\n", test.name, check::failures() - before);
  }
  std::printf("%s: %zu tests, %zu checks, %zu failed\n", kernels().name, tests, check::count(), check::failures());
  return check::failures() > 0 || tests == 0 ? 1 : 0;
}
