// Which instruction set is used: chosen once, at first use.

#include "core/kernels.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "isa/tables.h"

namespace mixtape {
namespace {

struct Candidate {
  const char* name;
  bool (*runs_here)();
  const Kernels* (*table)();
};

/** The best first. */
constexpr Candidate kCandidates[] = {
#if defined(__x86_64__) || defined(_M_X64)
    {"avx512",
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") &&
              __builtin_cpu_supports("avx512bf16");
     },
     avx512_kernels},
    {"avx2",
     [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"); },
     avx2_kernels},
#elif defined(__aarch64__)
    {"neon", [] { return true; }, neon_kernels},
#endif
    {"portable", [] { return true; }, portable_kernels},
};

const Kernels& choose() {
  const char* const wanted = std::getenv("MIXTAPE_NATIVE_ISA");
  std::string available;
  for (const Candidate& candidate : kCandidates) {
    if (!candidate.runs_here()) continue;
    if (!wanted || !*wanted || std::string(wanted) == candidate.name) return *candidate.table();
    available += available.empty() ? candidate.name : std::string(", ") + candidate.name;
  }
  throw std::runtime_error("MIXTAPE_NATIVE_ISA: expected one of " + available + ", which run here; got " + wanted);
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> tables;
  for (const Candidate& candidate : kCandidates)
    if (candidate.runs_here()) tables.push_back(candidate.table());
  return tables;
}

}  // namespace mixtape
