// readAll, multiplyRounds

#include <atomic>

#include "bind/args.h"
#include "bind/exports.h"
#include "core/pool.h"
#include "kernels/table.h"
#include "ops/share.h"

namespace mixtape {
namespace {

/** readAll(bytes) → some number that depends on all of them; on all threads */
Napi::Value read_all(const Napi::CallbackInfo& info) {
  const Args args(info, "readAll");
  const auto bytes = args.bytes(0, "bytes");
  args.require(reinterpret_cast<uintptr_t>(bytes.data) % sizeof(float) == 0, "bytes at a multiple of four");
  const Shares shares(bytes.length, size_t{1} << 20);
  std::atomic<int> found{0};
  Pool::shared().run(shares.count, [&](size_t share) {
    const size_t from = shares.from(share);
    if (kernels().peaks.read(bytes.data + from, shares.to(share) - from) != 0) found.fetch_add(1, std::memory_order_relaxed);
  });
  return Napi::Number::New(info.Env(), found.load());
}

/** multiplyRounds(precision, rounds) → how many operations were done on numbers in registers, on all threads */
Napi::Value multiply_rounds(const Napi::CallbackInfo& info) {
  const Args args(info, "multiplyRounds");
  const Precision precision = args.precision(0);
  const size_t rounds = args.count(1, "rounds", 0, size_t{1} << 20);
  const PeakKernels& peaks = kernels().peaks;
  // Many pieces, so that threads that join late do not count.
  const Shares shares(rounds, size_t{1} << 12);
  std::atomic<double> operations{0};
  Pool::shared().run(shares.count, [&](size_t share) {
    alignas(64) float sink[16] = {.5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f, .5f};
    const size_t now = shares.to(share) - shares.from(share);
    const double done = (precision == Precision::float32 ? peaks.float32 : peaks.bfloat16)(now, sink);
    for (double before = operations.load(); !operations.compare_exchange_weak(before, before + done);) {
    }
  });
  return Napi::Number::New(info.Env(), operations.load());
}

}  // namespace

void export_peaks(Napi::Object exports) {
  export_function(exports, "readAll", read_all);
  export_function(exports, "multiplyRounds", multiply_rounds);
}

}  // namespace mixtape
