#pragma once
// All gatings, and their formulas in float64.

#include <cmath>

#include "core/types.h"

namespace mixtape::check {

constexpr Gating kAllGatings[] = {{GatingKind::silu, 0, 0},   {GatingKind::gelu, 0, 0},    {GatingKind::gelu_tanh, 0, 0},
                                  {GatingKind::relu, 0, 0},   {GatingKind::sigmoid, 0, 0}, {GatingKind::relu2, 0, 0},
                                  {GatingKind::clamped_swiglu, 1.5f, 1.702f}};

inline double gated(const Gating& gating, double gate, double up) {
  switch (gating.kind) {
    case GatingKind::silu:
      return gate / (1 + std::exp(-gate)) * up;
    case GatingKind::gelu:
      return gate * 0.5 * (1 + std::erf(gate / std::sqrt(2.0))) * up;
    case GatingKind::gelu_tanh:
      return gate * 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * (gate + 0.044715 * gate * gate * gate))) * up;
    case GatingKind::relu:
      return std::fmax(gate, 0) * up;
    case GatingKind::sigmoid:
      return 1 / (1 + std::exp(-gate)) * up;
    case GatingKind::relu2:
      return std::pow(std::fmax(gate, 0), 2) * up;
    case GatingKind::clamped_swiglu: {
      const double g = std::fmin(gate, gating.limit), limit = gating.limit;
      const double u = std::fmin(std::fmax(up, -limit), limit);
      return (u + 1) * g / (1 + std::exp(-gating.alpha * g));
    }
  }
  return NAN;
}

}  // namespace mixtape::check
