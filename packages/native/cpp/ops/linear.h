#pragma once

#include "core/types.h"

namespace mixtape {

/** `y[t, n] = Σ_k x[t, k] · w[n, k] + bias[n]`, x `[tokens, w.columns]`; `bias` may be null. On all threads. */
void linear(const Matrix& w, const float* x, size_t tokens, const float* bias, Precision precision, float* y);

/**
 * The way back: `dx[t, k] = Σ_n dy[t, n] · w[n, k]`, dy `[tokens, w.rows]`. Weights are read where they lie, none is turned around.
 * Where `add` says so, that is added to what is in dx.
 */
void linear_back(const Matrix& w, const float* dy, size_t tokens, Precision precision, bool add, float* dx);

}  // namespace mixtape
