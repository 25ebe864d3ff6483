import { add, cast, greaterEqual, mul, type Tensor, tidy } from "@tensorflow/tfjs-core";
import { noGrad } from "../autodiff/recording.js";
import { OpsError } from "../errors.js";
import { currentRng } from "../random/rng.js";

/**
 * Zeroes each element with probability `p` and divides the others by `1 − p` (Srivastava et al. 2014,
 * https://jmlr.org/papers/v15/srivastava14a.html). Returns `x` itself if `p` is 0 and outside of `withRng`, as in inference.
 * @throws {OpsError} if `p` is not in [0, 1).
 */
export function dropout<T extends Tensor>(x: T, p: number): T {
  if (!(p >= 0 && p < 1)) throw new OpsError({ where: "dropout", expected: "a p from 0 to below 1", got: `${p}` });
  const randomness = currentRng();
  if (p === 0 || !randomness) return x;
  return tidy(() => {
    const factors = noGrad(() => mul(cast(greaterEqual(randomness.uniform(x.shape), p), "float32"), 1 / (1 - p)));
    return mul(x, factors) as T;
  });
}

/**
 * Multiplies each element by a uniform sample from `1 − eps` to `1 + eps`, as Switch Transformers do for exploration of routers
 * (Fedus et al. 2021, https://arxiv.org/abs/2101.03961, section 2.2). Off if `eps` is 0 and outside of `withRng`.
 * @throws {OpsError} if `eps` is below 0.
 */
export function jitter<T extends Tensor>(x: T, eps: number): T {
  if (!(eps >= 0)) throw new OpsError({ where: "jitter", expected: "an eps of at least 0", got: `${eps}` });
  const randomness = currentRng();
  if (eps === 0 || !randomness) return x;
  return tidy(() => {
    const factors = noGrad(() => add(mul(randomness.uniform(x.shape), 2 * eps), 1 - eps));
    return mul(x, factors) as T;
  });
}

/**
 * Adds a normal sample with mean 0 and standard deviation `std` to each element, as noisy top-k gating does (Shazeer et al. 2017,
 * https://arxiv.org/abs/1701.06538, equation 4). Off if `std` is 0 and outside of `withRng`.
 * @throws {OpsError} if `std` is below 0.
 */
export function gaussianNoise<T extends Tensor>(x: T, std = 1): T {
  if (!(std >= 0)) throw new OpsError({ where: "gaussianNoise", expected: "an std of at least 0", got: `${std}` });
  const rng = currentRng();
  if (std === 0 || !rng) return x;
  return tidy(() => {
    const noise = noGrad(() => mul(rng.normal(x.shape), std));
    return add(x, noise) as T;
  });
}
