#pragma once

#include "core/types.h"

namespace mixtape {

/** How tokens choose experts by what a router's gate says. */
struct ExpertChoice {
  size_t experts;
  size_t k;
  /** Sigmoid where not. */
  bool is_softmax;
  /** Whether the weights of a token's experts are made to sum to 1. */
  bool normalizes;
  /** What weights are multiplied by, then. */
  float scale;
};

/**
 * The k experts of each token with the largest scores plus bias, and the scores of these as their weights.
 * @param logits `[tokens, experts]` @param bias `[experts]`, or null
 */
void choose_experts(const float* logits, const float* bias, size_t tokens, const ExpertChoice& choice, int32_t* indices,
                    float* weights);

}  // namespace mixtape
