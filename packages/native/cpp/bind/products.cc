// linear

#include "bind/args.h"
#include "bind/exports.h"
#include "ops/linear.h"

namespace mixtape {
namespace {

/** linear(out, x, weight, bias | null, width, precision): x is [tokens, width] */
Napi::Value linear_of(const Napi::CallbackInfo& info) {
  const Args args(info, "linear");
  const auto out = args.floats(0, "out");
  const auto x = args.floats(1, "x");
  const size_t width = args.count(4, "width", 1);
  const size_t tokens = x.length / width;
  args.require(tokens * width == x.length, "x as whole rows of `width`");
  if (tokens == 0) return info.Env().Undefined();
  const size_t rows = out.length / tokens;
  args.require(rows * tokens == out.length, "out as many whole rows as x");
  const Matrix w = args.matrix(2, "weight", rows, width);
  const float* const bias = args.absent(3) ? nullptr : args.floats(3, "bias", rows);
  linear(w, x.data, tokens, bias, args.precision(5), out.data);
  return info.Env().Undefined();
}

}  // namespace

void export_products(Napi::Object exports) { export_function(exports, "linear", linear_of); }

}  // namespace mixtape
