#pragma once
// A step of AdamW (https://arxiv.org/abs/1711.05101), in one pass over weights, moments and gradients.

#include "formats/formats.h"
#include "kernels/maths.h"

namespace mixtape {
namespace {

template <class S> struct AdamWVectors {
  using F = typename S::F;
  F beta1, one_minus_beta1, beta2, one_minus_beta2, eps, decay_factor, step_size, inverse_sqrt_bias_correction2, gradient_scale;

  explicit AdamWVectors(const AdamWParams& p)
      : beta1(S::set(p.beta1)), one_minus_beta1(S::set(p.one_minus_beta1)), beta2(S::set(p.beta2)),
        one_minus_beta2(S::set(p.one_minus_beta2)), eps(S::set(p.eps)), decay_factor(S::set(p.decay_factor)),
        step_size(S::set(p.step_size)), inverse_sqrt_bias_correction2(S::set(p.inverse_sqrt_bias_correction2)),
        gradient_scale(S::set(p.gradient_scale)) {}

  /** Makes the new moments of the old ones and the new weight of the old one. */
  void step(F& weight, F& mean, F& variance, F gradient) const {
    const F g = S::mul(gradient, gradient_scale);
    mean = S::add(S::mul(mean, beta1), S::mul(g, one_minus_beta1));
    variance = S::add(S::mul(variance, beta2), S::mul(S::mul(g, g), one_minus_beta2));
    const F denominator = S::add(S::mul(S::sqrt(variance), inverse_sqrt_bias_correction2), eps);
    weight = S::sub(S::mul(weight, decay_factor), S::mul(S::div(mean, denominator), step_size));
  }
};

template <class S> void adam_w(const AdamWParams& params, const AdamWTensors& from, size_t at, size_t count, float* const* to) {
  const AdamWVectors<S> vectors(params);
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
