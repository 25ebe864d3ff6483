#pragma once

#include "core/types.h"

namespace mixtape {

/** `y[t, n] = Σ_k x[t, k] · w[n, k] + bias[n]`, x `[tokens, w.columns]`; `bias` may be null. On all threads. */
void linear(const Matrix& w, const float* x, size_t tokens, const float* bias, Precision precision, float* y);

}  // namespace mixtape
