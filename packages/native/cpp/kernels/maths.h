#pragma once
// Functions of vectors that no instruction set has.

#include "core/types.h"

namespace mixtape {
namespace {

/** eˣ, to about 1 ulp: 2ⁿ times a polynomial on |r| ≤ ln 2 / 2 (Cephes). 0 below −87.3; infinity above 88.7; a NaN stays one. */
template <class S> inline typename S::F exp(typename S::F x) {
  const auto low = S::set(-87.33654f);
  // A NaN comes second, and stays. Above, 2ⁿ times the polynomial is no number any more.
  const auto inside = S::min(S::set(88.73f), S::max(low, x));
  const auto n = S::round(S::mul(inside, S::set(1.44269504f)));
  auto r = S::fma(n, S::set(-0.693359375f), inside);
  r = S::fma(n, S::set(2.12194440e-4f), r);
  auto p = S::set(1.9875691500e-4f);
  p = S::fma(p, r, S::set(1.3981999507e-3f));
  p = S::fma(p, r, S::set(8.3334519073e-3f));
  p = S::fma(p, r, S::set(4.1665795894e-2f));
  p = S::fma(p, r, S::set(1.6666665459e-1f));
  p = S::fma(p, r, S::set(5.0000001201e-1f));
  p = S::add(S::fma(S::mul(p, r), r, r), S::set(1));
  if constexpr (S::kScalesAnything) {
    p = S::scale(p, n);
  } else {
    // In two steps: 2ⁿ alone may be no number although the product is one.
    const auto half = S::round(S::mul(n, S::set(0.5f)));
    p = S::scale(S::scale(p, half), S::sub(n, half));
  }
  return S::select_less(x, low, S::zero(), p);
}

/** 1 / (1 + e⁻ˣ), to 3 ulp, which is enough for gates. */
template <class S> inline typename S::F sigmoid(typename S::F x) {
  return S::div(S::set(1), S::add(S::set(1), exp<S>(S::sub(S::zero(), x))));
}

/** 1 / (1 + e⁻ˣ), to 2 ulp; by e⁻|x|, which does not overflow. */
template <class S> inline typename S::F fine_sigmoid(typename S::F x) {
  const auto one = S::set(1);
  const auto e = exp<S>(S::min(x, S::sub(S::zero(), x)));
  const auto sum = S::add(one, e);
  const auto y = S::div(S::select_less(x, S::zero(), e, one), sum);
  // What the sum has lost of e.
  const auto lost = S::div(S::add(S::sub(one, sum), e), sum);
  return S::sub(y, S::mul(y, lost));
}

/** To 2 ulp: a polynomial (Cephes) near 0, where 1 − 2 / (e²ˣ + 1) loses digits. */
template <class S> inline typename S::F tanh(typename S::F x) {
  const auto size = S::max(x, S::sub(S::zero(), x));
  const auto square = S::mul(x, x);
  auto p = S::set(-5.70498872745e-3f);
  p = S::fma(p, square, S::set(2.06390887954e-2f));
  p = S::fma(p, square, S::set(-5.37397155531e-2f));
  p = S::fma(p, square, S::set(1.33314422036e-1f));
  p = S::fma(p, square, S::set(-3.33332819422e-1f));
  const auto small = S::fma(S::mul(p, square), x, x);
  const auto far = S::sub(S::set(1), S::div(S::set(2), S::add(exp<S>(S::add(size, size)), S::set(1))));
  const auto large = S::select_less(x, S::zero(), S::sub(S::zero(), far), far);
  return S::select_nan(x, x, S::select_less(size, S::set(0.625f), small, large));
}

}  // namespace
}  // namespace mixtape
