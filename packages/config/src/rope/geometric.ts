/**
 * Returns the frequencies `θ^(−2i/d)` for 0 ≤ i < d / 2 (Su et al. 2021, https://arxiv.org/abs/2104.09864), float32,
 * rounded where torch rounds.
 */
export function geometricFrequencies(theta: number, d: number): Float32Array {
  return Float32Array.from({ length: Math.floor(d / 2) }, (_, i) => 1 / wavelengthOver2Pi(theta, d, i));
}

/** Returns `θ^(2i/d)`: the wavelength of a pair of features, divided by 2π. */
export function wavelengthOver2Pi(theta: number, d: number, i: number): number {
  return Math.fround(theta ** Math.fround((2 * i) / d));
}
