#pragma once
// Arithmetic and functions, number by number.

#include <math.h>

#include "formats/formats.h"
#include "kernels/maths.h"

namespace mixtape {
namespace {

template <class S> struct Add {
  static typename S::F apply(typename S::F a, typename S::F b) { return S::add(a, b); }
};
template <class S> struct Subtract {
  static typename S::F apply(typename S::F a, typename S::F b) { return S::sub(a, b); }
};
template <class S> struct Multiply {
  static typename S::F apply(typename S::F a, typename S::F b) { return S::mul(a, b); }
};
template <class S> struct Divide {
  static typename S::F apply(typename S::F a, typename S::F b) { return S::div(a, b); }
};

/** An operand with an element for each of the result, and one that is broadcast. */
template <class S> struct VectorOperand {
  const float* p;
  typename S::F load(size_t i) const { return S::load(p + i); }
  typename S::F load_some(size_t i, size_t count) const { return mixtape::load_some<S, Float32>(p + i, count); }
};
template <class S> struct BroadcastOperand {
  typename S::F value;
  typename S::F load(size_t) const { return value; }
  typename S::F load_some(size_t, size_t) const { return value; }
};

template <class S, class Op, class A, class B> void binary_on(A a, B b, size_t count, float* y) {
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) S::store(y + i, Op::apply(a.load(i), b.load(i)));
  if (i == count) return;
  const size_t rest = count - i;
  store_some<S>(y + i, Op::apply(a.load_some(i, rest), b.load_some(i, rest)), rest);
}

template <class S, class Op>
void binary_with(const float* a, bool broadcast_a, const float* b, bool broadcast_b, size_t count, float* y) {
  if (count == 0) return;
  if (broadcast_a) return binary_on<S, Op>(BroadcastOperand<S>{S::set(*a)}, VectorOperand<S>{b}, count, y);
  if (broadcast_b) return binary_on<S, Op>(VectorOperand<S>{a}, BroadcastOperand<S>{S::set(*b)}, count, y);
  return binary_on<S, Op>(VectorOperand<S>{a}, VectorOperand<S>{b}, count, y);
}

template <class S>
void binary(Binary operation, const float* a, bool broadcast_a, const float* b, bool broadcast_b, size_t count, float* y) {
  switch (operation) {
    case Binary::add:
      return binary_with<S, Add<S>>(a, broadcast_a, b, broadcast_b, count, y);
    case Binary::subtract:
      return binary_with<S, Subtract<S>>(a, broadcast_a, b, broadcast_b, count, y);
    case Binary::multiply:
      return binary_with<S, Multiply<S>>(a, broadcast_a, b, broadcast_b, count, y);
    case Binary::divide:
      return binary_with<S, Divide<S>>(a, broadcast_a, b, broadcast_b, count, y);
  }
}

template <class S> struct Exp {
  static typename S::F apply(typename S::F x) { return exp<S>(x); }
};
template <class S> struct Logistic {
  static typename S::F apply(typename S::F x) { return fine_sigmoid<S>(x); }
};
template <class S> struct Tanh {
  static typename S::F apply(typename S::F x) { return tanh<S>(x); }
};
template <class S> struct Erf {
  static typename S::F apply(typename S::F x) {
    float v[S::N];
    S::store(v, x);
    for (float& value : v) value = ::erff(value);
    return S::load(v);
  }
};
template <class S> struct Negative {
  static typename S::F apply(typename S::F x) { return S::mul(x, S::set(-1)); }
};
template <class S> struct Square {
  static typename S::F apply(typename S::F x) { return S::mul(x, x); }
};
template <class S> struct SquareRoot {
  static typename S::F apply(typename S::F x) { return S::sqrt(x); }
};
template <class S> struct InverseSquareRoot {
  static typename S::F apply(typename S::F x) { return S::div(S::set(1), S::sqrt(x)); }
};
/** Of −0 it makes 0, and a NaN stays one. */
template <class S> struct Rectify {
  static typename S::F apply(typename S::F x) { return S::select_less(x, S::zero(), S::zero(), S::add(x, S::zero())); }
};

/** ln(1 + eˣ); a NaN stays one. */
template <class S> struct Softplus {
  static typename S::F apply(typename S::F x) {
    float v[S::N];
    S::store(v, x);
    for (float& value : v) value = value > 0 ? value + ::log1pf(::expf(-value)) : ::log1pf(::expf(value));
    return S::load(v);
  }
};

template <class S, class Op> void unary_with(const float* x, size_t count, float* y) {
  size_t i = 0;
  for (; i + S::N <= count; i += S::N) S::store(y + i, Op::apply(S::load(x + i)));
  if (i < count) store_some<S>(y + i, Op::apply(load_some<S, Float32>(x + i, count - i)), count - i);
}

template <class S> void unary(Unary operation, const float* x, size_t count, float* y) {
  switch (operation) {
    case Unary::exp:
      return unary_with<S, Exp<S>>(x, count, y);
    case Unary::sigmoid:
      return unary_with<S, Logistic<S>>(x, count, y);
    case Unary::tanh:
      return unary_with<S, Tanh<S>>(x, count, y);
    case Unary::erf:
      return unary_with<S, Erf<S>>(x, count, y);
    case Unary::negative:
      return unary_with<S, Negative<S>>(x, count, y);
    case Unary::square:
      return unary_with<S, Square<S>>(x, count, y);
    case Unary::sqrt:
      return unary_with<S, SquareRoot<S>>(x, count, y);
    case Unary::rsqrt:
      return unary_with<S, InverseSquareRoot<S>>(x, count, y);
    case Unary::relu:
      return unary_with<S, Rectify<S>>(x, count, y);
    case Unary::softplus:
      return unary_with<S, Softplus<S>>(x, count, y);
  }
}

}  // namespace
}  // namespace mixtape
