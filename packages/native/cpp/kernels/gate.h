#pragma once
// Gatings of a gated MLP, and their backward passes.

#include <math.h>

#include "formats/formats.h"
#include "kernels/maths.h"

namespace mixtape {
namespace {

/** An activation function's value, and its derivative. */
template <class S> struct Slope {
  typename S::F value;
  typename S::F slope;
};
/** Gradients with respect to the two products. */
template <class S> struct GateGradients {
  typename S::F grad_gate;
  typename S::F grad_up;
};

template <class S> struct Silu {
  static typename S::F apply(typename S::F x) { return S::mul(x, sigmoid<S>(x)); }
  /** σ + x·σ·(1 − σ) */
  static Slope<S> slope(typename S::F x) {
    const auto s = sigmoid<S>(x);
    const auto value = S::mul(x, s);
    return {value, S::fma(value, S::sub(S::set(1), s), s)};
  }
};
template <class S> struct Sigmoid {
  static typename S::F apply(typename S::F x) { return sigmoid<S>(x); }
  static Slope<S> slope(typename S::F x) {
    const auto s = sigmoid<S>(x);
    return {s, S::mul(s, S::sub(S::set(1), s))};
  }
};
template <class S> struct Relu {
  static typename S::F apply(typename S::F x) { return S::max(S::zero(), x); }
  static Slope<S> slope(typename S::F x) {
    return {S::max(S::zero(), x), S::select_less(S::zero(), x, S::set(1), S::zero())};
  }
};
template <class S> struct Relu2 {
  static typename S::F apply(typename S::F x) {
    const auto positive = S::max(S::zero(), x);
    return S::mul(positive, positive);
  }
  static Slope<S> slope(typename S::F x) {
    const auto positive = S::max(S::zero(), x);
    return {S::mul(positive, positive), S::add(positive, positive)};
  }
};
/** x·Φ(x), Φ by erf. */
template <class S> struct Gelu {
  static typename S::F apply(typename S::F x) {
    float v[S::N];
    S::store(v, x);
    for (float& value : v) value *= 0.5f * (1 + ::erff(value * 0.70710678f));
    return S::load(v);
  }
  /** Φ + x·φ */
  static Slope<S> slope(typename S::F x) {
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
/** Φ by tanh; ½(1 + tanh u) is σ(2u). */
template <class S> struct GeluTanh {
  static typename S::F apply(typename S::F x) {
    const auto cube = S::mul(S::mul(x, x), x);
    const auto twice = S::mul(S::fma(cube, S::set(0.044715f), x), S::set(1.5957691216f));
    return S::mul(x, sigmoid<S>(twice));
  }
  /** σ(2u) + x·σ(2u)·(1 − σ(2u))·2u′ */
  static Slope<S> slope(typename S::F x) {
    const auto square = S::mul(x, x);
    const auto twice = S::mul(S::mul(x, S::fma(square, S::set(0.044715f), S::set(1))), S::set(1.5957691216f));
    const auto rise = S::fma(square, S::set(1.5957691216f * 3 * 0.044715f), S::set(1.5957691216f));
    const auto s = sigmoid<S>(twice);
    const auto value = S::mul(x, s);
    return {value, S::fma(S::mul(value, S::sub(S::set(1), s)), rise, s)};
  }
};

/** activation(gate) · up */
template <class S, class A> struct ByActivation {
  explicit ByActivation(const Gating&) {}
  typename S::F apply(typename S::F gate, typename S::F up) const { return S::mul(A::apply(gate), up); }
  GateGradients<S> back(typename S::F gate, typename S::F up, typename S::F dy) const {
    const Slope<S> a = A::slope(gate);
    return {S::mul(S::mul(dy, up), a.slope), S::mul(dy, a.value)};
  }
};

/** (u + 1) · g · σ(alpha · g), with g the gate up to a limit and u the other product within it on both sides. */
template <class S> struct ClampedSwiglu {
  typename S::F limit, least, alpha;
  explicit ClampedSwiglu(const Gating& gating)
      : limit(S::set(gating.limit)), least(S::set(-gating.limit)), alpha(S::set(gating.alpha)) {}

  /** Keeps the second operand if it is NaN. */
  typename S::F below(typename S::F x) const { return S::min(limit, x); }
  typename S::F apply(typename S::F gate, typename S::F up) const {
    const auto g = below(gate);
    const auto u = S::max(least, below(up));
    return S::mul(S::add(u, S::set(1)), S::mul(g, sigmoid<S>(S::mul(g, alpha))));
  }
  /** By g: σ + alpha·g·σ·(1 − σ). What was clamped has no gradient. */
  GateGradients<S> back(typename S::F gate, typename S::F up, typename S::F dy) const {
    const auto g = below(gate);
    const auto u = S::max(least, below(up));
    const auto s = sigmoid<S>(S::mul(g, alpha));
    const auto value = S::mul(g, s);
    const auto slope = S::fma(S::mul(value, alpha), S::sub(S::set(1), s), s);
    const auto grad_gate = S::mul(S::mul(dy, S::add(u, S::set(1))), slope);
    const auto grad_up = S::mul(dy, value);
    return {S::select_less(limit, gate, S::zero(), grad_gate),
            S::select_less(limit, up, S::zero(), S::select_less(up, least, S::zero(), grad_up))};
  }
};

/** Runs `work` with the formula of a gating. */
template <class S, class Work> void with_formula(const Gating& gating, Work&& work) {
  switch (gating.kind) {
    case GatingKind::silu:
      return work(ByActivation<S, Silu<S>>(gating));
    case GatingKind::gelu:
      return work(ByActivation<S, Gelu<S>>(gating));
    case GatingKind::gelu_tanh:
      return work(ByActivation<S, GeluTanh<S>>(gating));
    case GatingKind::relu:
      return work(ByActivation<S, Relu<S>>(gating));
    case GatingKind::sigmoid:
      return work(ByActivation<S, Sigmoid<S>>(gating));
    case GatingKind::relu2:
      return work(ByActivation<S, Relu2<S>>(gating));
    case GatingKind::clamped_swiglu:
      return work(ClampedSwiglu<S>(gating));
  }
}

template <class S> void gate(const Gating& gating, const float* gate, const float* up, size_t count, float* y) {
  with_formula<S>(gating, [=](const auto& formula) {
    size_t i = 0;
    for (; i + S::N <= count; i += S::N) S::store(y + i, formula.apply(S::load(gate + i), S::load(up + i)));
    if (i == count) return;
    const size_t rest = count - i;
    const auto g = load_some<S, Float32>(gate + i, rest);
    store_some<S>(y + i, formula.apply(g, load_some<S, Float32>(up + i, rest)), rest);
  });
}

template <class S>
void gate_back(const Gating& gating, const float* gate, const float* up, const float* dy, size_t count, float* grad_gate,
               float* grad_up) {
  with_formula<S>(gating, [=](const auto& formula) {
    size_t i = 0;
    for (; i + S::N <= count; i += S::N) {
      const GateGradients<S> found = formula.back(S::load(gate + i), S::load(up + i), S::load(dy + i));
      S::store(grad_gate + i, found.grad_gate);
      S::store(grad_up + i, found.grad_up);
    }
    if (i == count) return;
    const size_t rest = count - i;
    const auto d = load_some<S, Float32>(dy + i, rest), u = load_some<S, Float32>(up + i, rest);
    const GateGradients<S> found = formula.back(load_some<S, Float32>(gate + i, rest), u, d);
    store_some<S>(grad_gate + i, found.grad_gate, rest);
    store_some<S>(grad_up + i, found.grad_up, rest);
  });
}

}  // namespace
}  // namespace mixtape
