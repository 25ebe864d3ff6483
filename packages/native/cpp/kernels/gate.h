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

}  // namespace
}  // namespace mixtape
