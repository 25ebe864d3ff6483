#pragma once
// activation(gate) · up

#include <math.h>

#include "formats/formats.h"
#include "kernels/maths.h"

namespace mixtape {
namespace {

template <class S> struct Silu {
  static typename S::F apply(typename S::F x) { return S::mul(x, sigmoid<S>(x)); }
};
template <class S> struct Sigmoid {
  static typename S::F apply(typename S::F x) { return sigmoid<S>(x); }
};
template <class S> struct Relu {
  static typename S::F apply(typename S::F x) { return S::max(S::zero(), x); }
};
/** x·Φ(x), Φ by erf. */
template <class S> struct Gelu {
  static typename S::F apply(typename S::F x) {
    float v[S::N];
    S::store(v, x);
    for (float& value : v) value *= 0.5f * (1 + ::erff(value * 0.70710678f));
    return S::load(v);
  }
};
/** Φ by tanh; ½(1 + tanh u) is σ(2u). */
template <class S> struct GeluTanh {
  static typename S::F apply(typename S::F x) {
    const auto cube = S::mul(S::mul(x, x), x);
    const auto twice = S::mul(S::fma(cube, S::set(0.044715f), x), S::set(1.5957691216f));
    return S::mul(x, sigmoid<S>(twice));
  }
};

template <class S, class A> void gate_with(const float* gate, const float* up, size_t count, float* y) {
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) S::store(y + i, S::mul(A::apply(S::load(gate + i)), S::load(up + i)));
  if (i == count) return;
  const size_t rest = count - i;
  const auto g = load_some<S, Float32>(gate + i, rest);
  store_some<S>(y + i, S::mul(A::apply(g), load_some<S, Float32>(up + i, rest)), rest);
}

template <class S> void gate(Activation activation, const float* gate, const float* up, size_t count, float* y) {
  switch (activation) {
    case Activation::silu:
      return gate_with<S, Silu<S>>(gate, up, count, y);
    case Activation::gelu:
      return gate_with<S, Gelu<S>>(gate, up, count, y);
    case Activation::gelu_tanh:
      return gate_with<S, GeluTanh<S>>(gate, up, count, y);
    case Activation::relu:
      return gate_with<S, Relu<S>>(gate, up, count, y);
    case Activation::sigmoid:
      return gate_with<S, Sigmoid<S>>(gate, up, count, y);
  }
}

/** Derivatives of the activations, each beside its value. */
template <class S> struct Slope {
  typename S::F value;
  typename S::F slope;
};
template <class S> struct SiluSlope {
  /** σ + x·σ·(1 − σ) */
  static Slope<S> apply(typename S::F x) {
    const auto s = sigmoid<S>(x);
    const auto value = S::mul(x, s);
    return {value, S::fma(value, S::sub(S::set(1), s), s)};
  }
};
template <class S> struct SigmoidSlope {
  static Slope<S> apply(typename S::F x) {
    const auto s = sigmoid<S>(x);
    return {s, S::mul(s, S::sub(S::set(1), s))};
  }
};
template <class S> struct ReluSlope {
  static Slope<S> apply(typename S::F x) { return {S::max(S::zero(), x), S::select_less(S::zero(), x, S::set(1), S::zero())}; }
};
/** Φ + x·φ */
template <class S> struct GeluSlope {
  static Slope<S> apply(typename S::F x) {
    float v[S::N], value[S::N], slope[S::N];
    S::store(v, x);
    for (int i = 0; i < S::N; i++) {
      const float below = 0.5f * (1 + ::erff(v[i] * 0.70710678f));
      value[i] = v[i] * below;
      slope[i] = below + v[i] * 0.39894228f * ::expf(-0.5f * v[i] * v[i]);
    }
    return {S::load(value), S::load(slope)};
  }
};
/** σ(2u) + x·σ(2u)·(1 − σ(2u))·2u′ */
template <class S> struct GeluTanhSlope {
  static Slope<S> apply(typename S::F x) {
    const auto square = S::mul(x, x);
    const auto twice = S::mul(S::mul(x, S::fma(square, S::set(0.044715f), S::set(1))), S::set(1.5957691216f));
    const auto rise = S::fma(square, S::set(1.5957691216f * 3 * 0.044715f), S::set(1.5957691216f));
    const auto s = sigmoid<S>(twice);
    const auto value = S::mul(x, s);
    return {value, S::fma(S::mul(value, S::sub(S::set(1), s)), rise, s)};
  }
};

template <class S, class A>
void gate_back_with(const float* gate, const float* up, const float* dy, size_t count, float* by_gate, float* by_up) {
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) {
    const auto d = S::load(dy + i), u = S::load(up + i);
    const Slope<S> a = A::apply(S::load(gate + i));
    S::store(by_gate + i, S::mul(S::mul(d, u), a.slope));
    S::store(by_up + i, S::mul(d, a.value));
  }
  if (i == count) return;
  const size_t rest = count - i;
  const auto d = load_some<S, Float32>(dy + i, rest), u = load_some<S, Float32>(up + i, rest);
  const Slope<S> a = A::apply(load_some<S, Float32>(gate + i, rest));
  store_some<S>(by_gate + i, S::mul(S::mul(d, u), a.slope), rest);
  store_some<S>(by_up + i, S::mul(d, a.value), rest);
}

template <class S>
void gate_back(Activation activation, const float* gate, const float* up, const float* dy, size_t count, float* by_gate,
               float* by_up) {
  switch (activation) {
    case Activation::silu:
      return gate_back_with<S, SiluSlope<S>>(gate, up, dy, count, by_gate, by_up);
    case Activation::gelu:
      return gate_back_with<S, GeluSlope<S>>(gate, up, dy, count, by_gate, by_up);
    case Activation::gelu_tanh:
      return gate_back_with<S, GeluTanhSlope<S>>(gate, up, dy, count, by_gate, by_up);
    case Activation::relu:
      return gate_back_with<S, ReluSlope<S>>(gate, up, dy, count, by_gate, by_up);
    case Activation::sigmoid:
      return gate_back_with<S, SigmoidSlope<S>>(gate, up, dy, count, by_gate, by_up);
  }
}

}  // namespace
}  // namespace mixtape
