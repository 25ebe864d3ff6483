#pragma once
// A step of AdamW (https://arxiv.org/abs/1711.05101), in one pass over weights, moments and gradients.

#include "formats/formats.h"
#include "kernels/maths.h"

namespace mixtape {
namespace {

template <class S> struct AdamWVectors {
  using F = typename S::F;
  F beta1, rest1, beta2, rest2, eps, kept, rate, correction, scale;

  explicit AdamWVectors(const AdamWNumbers& n)
      : beta1(S::set(n.beta1)), rest1(S::set(n.rest1)), beta2(S::set(n.beta2)), rest2(S::set(n.rest2)),
        eps(S::set(n.eps)), kept(S::set(n.kept)), rate(S::set(n.rate)), correction(S::set(n.correction)),
        scale(S::set(n.gradient_scale)) {}

  /** Makes the new moments of the old ones and the new weight of the old one. */
  void step(F& weight, F& mean, F& variance, F gradient) const {
    const F g = S::mul(gradient, scale);
    mean = S::add(S::mul(mean, beta1), S::mul(g, rest1));
    variance = S::add(S::mul(variance, beta2), S::mul(S::mul(g, g), rest2));
    const F denominator = S::add(S::mul(S::sqrt(variance), correction), eps);
    weight = S::sub(S::mul(weight, kept), S::mul(S::div(mean, denominator), rate));
  }
};

template <class S> void adam_w(const AdamWNumbers& numbers, const AdamWTensors& from, size_t at, size_t count, float* const* to) {
  const AdamWVectors<S> vectors(numbers);
  const size_t end = at + count;
  for (; at + S::N <= end; at += S::N) {
    auto weight = S::load(from.weight + at), mean = S::load(from.mean + at), variance = S::load(from.variance + at);
    vectors.step(weight, mean, variance, from.gradient ? S::load(from.gradient + at) : S::zero());
    S::store(to[0] + at, weight);
    S::store(to[1] + at, mean);
    S::store(to[2] + at, variance);
  }
  if (at == end) return;
  const size_t rest = end - at;
  const auto some = [&](const float* p) { return load_some<S, Float32>(p + at, rest); };
  auto weight = some(from.weight), mean = some(from.mean), variance = some(from.variance);
  vectors.step(weight, mean, variance, from.gradient ? some(from.gradient) : S::zero());
  store_some<S>(to[0] + at, weight, rest);
  store_some<S>(to[1] + at, mean, rest);
  store_some<S>(to[2] + at, variance, rest);
}

}  // namespace
}  // namespace mixtape
