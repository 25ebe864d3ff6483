#pragma once

#include "core/types.h"

namespace mixtape {

/** Attributes of top-k routing. */
struct RoutingSpec {
  size_t experts;
  size_t k;
  /** Sigmoid where not. */
  bool is_softmax;
  /** True to normalise the weights of a token to sum to 1. */
  bool normalizes;
  /** Factor on the weights, after the normalisation. */
  float scale;
};

/**
 * The k experts of each token with the largest scores plus bias, and the scores of these as their weights.
 * @param logits `[tokens, experts]` @param bias `[experts]`, or null
 */
void choose_experts(const float* logits, const float* bias, size_t tokens, const RoutingSpec& spec, int32_t* indices,
                    float* weights);

}  // namespace mixtape
