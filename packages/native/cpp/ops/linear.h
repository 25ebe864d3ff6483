#pragma once

#include "core/types.h"

namespace mixtape {

/** `y[t, n] = Σ_k x[t, k] · w[n, k] + bias[n]`, x `[tokens, w.columns]`; `bias` may be null. On all threads. */
void linear(const Matrix& w, const float* x, size_t tokens, const float* bias, Precision precision, float* y);

/**
 * Computes the backward pass: `dx[t, k] = Σ_n dy[t, n] · w[n, k]`, dy `[tokens, w.rows]`. Weights are read in place, without a transposed copy.
 * Where `add` says so, that is added to what is in dx.
 */
void linear_back(const Matrix& w, const float* dy, size_t tokens, Precision precision, bool add, float* dx);

}  // namespace mixtape
