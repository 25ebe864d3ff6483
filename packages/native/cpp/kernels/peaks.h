#pragma once
// Peak performance of a core: bounds for kernels.

#include "formats/formats.h"
#include "kernels/table.h"

namespace mixtape {
namespace {

/** As many chains of operations as keep every unit busy. */
constexpr int kChains = 12;

template <class S> float read_all(const uint8_t* data, size_t bytes) {
  constexpr size_t kStep = 8 * S::N;
  const float* const x = reinterpret_cast<const float*>(data);
  typename S::F largest[8];
  for (auto& lane : largest) lane = S::zero();
  for (size_t i = 0; i + kStep <= bytes / sizeof(float); i += kStep)
    for (size_t lane = 0; lane < 8; lane++) largest[lane] = S::max(largest[lane], S::load(x + i + lane * S::N));
  float all = 0;
  for (const auto& lane : largest) all += S::reduce_max(lane);
  return all;
}

template <class S> double multiply_float32(size_t rounds, float* sink) {
  const typename S::F half = S::load(sink);
  typename S::F chains[kChains];
  for (auto& chain : chains) chain = half;
  for (size_t round = 0; round < rounds; round++)
    for (auto& chain : chains) chain = S::fma(chain, half, half);
  for (int i = 1; i < kChains; i++) chains[0] = S::add(chains[0], chains[i]);
  S::store(sink, chains[0]);
  return 2.0 * S::N * kChains * static_cast<double>(rounds);
}

template <class S> double multiply_bfloat16(size_t rounds, float* sink) {
  if constexpr (S::kBfloat16Product) {
    const typename S::B pairs = S::load_pairs(reinterpret_cast<const uint16_t*>(sink));
    typename S::F chains[kChains];
    for (auto& chain : chains) chain = S::zero();
    for (size_t round = 0; round < rounds; round++)
      for (auto& chain : chains) chain = S::dot_pairs(chain, pairs, pairs);
    for (int i = 1; i < kChains; i++) chains[0] = S::add(chains[0], chains[i]);
    S::store(sink, chains[0]);
    return 4.0 * S::N * kChains * static_cast<double>(rounds);
  } else {
    return multiply_float32<S>(rounds, sink);
  }
}

template <class S> constexpr PeakKernels peak_kernels() {
  return {read_all<S>, multiply_float32<S>, multiply_bfloat16<S>};
}

}  // namespace
}  // namespace mixtape
