// Which instruction set is used: chosen once, at first use.

#include "core/kernels.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "isa/tables.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace mixtape {
namespace {

struct Candidate {
  const char* name;
  bool (*runs_here)();
  const Kernels* (*table)();
};

#if defined(__x86_64__)
bool has_avx2() {
  // Not every compiler's __builtin_cpu_supports knows f16c.
  constexpr unsigned kFloat16 = 1u << 29;
  unsigned a, b, c, d;
  const bool has_float16 = __get_cpuid(1, &a, &b, &c, &d) && (c & kFloat16);
  return has_float16 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}
#endif

#if defined(__x86_64__) && defined(__linux__)
/** Linux saves tiles only for processes that asked for them. Asking again is no harm. */
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool has_amx() {
  constexpr unsigned kBfloat16 = 1u << 22, kTiles = 1u << 24;
  unsigned a, b, c, d;
  const bool found = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kBfloat16) && (d & kTiles);
  return found && has_avx512() && may_use_tiles();
}
#endif

#if defined(__aarch64__) && defined(__linux__)
bool has_dotprod() {
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
  return getauxval(AT_HWCAP) & kDotProducts;
}
#endif

/** The best first. Where all processors have dot products, `neon` is compiled with them. */
constexpr Candidate kCandidates[] = {
#if defined(__x86_64__) && defined(__linux__)
    {"amx", has_amx, amx_kernels},
#endif
#if defined(__x86_64__)
    {"avx512", has_avx512, avx512_kernels},
    {"avx2", has_avx2, avx2_kernels},
#elif defined(__aarch64__)
#if defined(__linux__)
    {"neon_dotprod", has_dotprod, neon_dotprod_kernels},
#endif
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
