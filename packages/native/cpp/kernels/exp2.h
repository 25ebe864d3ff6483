#pragma once
// Powers of two, as softmax needs them: of what is at most 0.

#include "core/types.h"

namespace mixtape {
namespace {

/** 2^x / e^x in exponents: scores are multiplied by it. */
constexpr float kLog2E = 1.44269504f;

/** Minimax polynomials of 2^r on |r| ≤ ½ with value 1 at 0: relative error 9e-8, and 1e-4 for weights that become bfloat16. */
template <class S, bool kFine> inline typename S::F exp2_of_fraction(typename S::F r) {
  auto p = S::set(kFine ? 1.326472731e-3f : 5.500892922e-2f);
  if constexpr (kFine) {
    p = S::fma(p, r, S::set(9.671512991e-3f));
    p = S::fma(p, r, S::set(5.550733581e-2f));
  }
  p = S::fma(p, r, S::set(kFine ? 2.402224243e-1f : 2.422109544e-1f));
  p = S::fma(p, r, S::set(kFine ? 6.931470037e-1f : 6.932829022e-1f));
  return S::fma(p, r, S::set(1));
}

/** 2^x for x ≤ 0: 0 below −126, or where it is too small for a number; a NaN stays one. */
template <class S, bool kFine = true> inline typename S::F exp2(typename S::F x) {
  if constexpr (S::kScalesAnything) {
    // Not below −200, since −∞ less −∞ is no number. A NaN comes second, and stays.
    const auto inside = S::max(S::set(-200), x);
    const auto n = S::round(inside);
    return S::scale(exp2_of_fraction<S, kFine>(S::sub(inside, n)), n);
  }
  const auto low = S::set(-126);
  const auto inside = S::max(x, low);
  const auto n = S::round(inside);
  const auto y = S::scale(exp2_of_fraction<S, kFine>(S::sub(inside, n)), n);
  const auto number = S::select_less(x, low, S::zero(), y);
  return S::select_less(x, S::set(__builtin_inff()), number, x);
}

/** Subtracted from scores before the exponential: the largest, or 0 if none was seen yet. */
template <class S> inline typename S::F reference_of(typename S::F largest) {
  return S::select_less(S::set(-__builtin_inff()), largest, largest, S::zero());
}

}  // namespace
}  // namespace mixtape
