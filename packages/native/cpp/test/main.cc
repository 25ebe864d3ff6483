// Runs all tests, or names the instruction sets that run here: `tests --isas`.

#include "core/kernels.h"
#include "test/check.h"

int main(int count, char** arguments) {
  using namespace mixtape;
  if (count > 1 && std::strcmp(arguments[1], "--isas") == 0) {
    for (const Kernels* table : all_kernels()) std::printf("%s\n", table->name);
    return 0;
  }
  for (const check::Test& test : check::tests()) {
    const size_t before = check::failures();
    test.run();
    if (check::failures() > before) std::fprintf(stderr, "%s: %zu failed\n", test.name, check::failures() - before);
  }
  std::printf("%s: %zu tests, %zu checks, %zu failed\n", kernels().name, check::tests().size(), check::count(),
              check::failures());
  return check::failures() > 0 ? 1 : 0;
}
