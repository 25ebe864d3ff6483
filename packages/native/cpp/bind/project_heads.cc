// projectHeads

#include "ops/project_heads.h"

#include "bind/args.h"
#include "bind/exports.h"

namespace mixtape {
namespace {

/**
 * projectHeads(q, k, v, x, qWeight, kWeight, vWeight, qBias | null, kBias | null, vBias | null, width, length, headDim,
 * precision): x is [rows, length, width], q, k and v are [rows, heads, length, headDim], which are filled
 */
void project_heads_of(const Args& args) {
  static constexpr const char* kOut[] = {"q", "k", "v"};
  static constexpr const char* kWeight[] = {"qWeight", "kWeight", "vWeight"};
  static constexpr const char* kBias[] = {"qBias", "kBias", "vBias"};
  const auto x = args.floats(3, "x");
  const size_t width = args.count(10, "width", 1);
  const size_t length = args.count(11, "length", 1);
  const size_t head = args.count(12, "headDim", 1);
  const Precision precision = args.precision(13);
  const size_t tokens = x.length / width;
  const size_t rows = tokens / length;
  args.require(rows * length * width == x.length, "x as whole [length, width]");
  if (tokens == 0) return;
  HeadProjection maps[3];
  for (size_t i = 0; i < 3; i++) {
    const auto out = args.floats(i, kOut[i]);
    const size_t outputs = out.length / tokens;
    args.require(outputs * tokens == out.length && outputs % head == 0, "outputs of whole heads for each token");
    const float* const bias = args.absent(7 + i) ? nullptr : args.floats(7 + i, kBias[i], outputs);
    maps[i] = {args.matrix(4 + i, kWeight[i], outputs, width), bias, out.data};
  }
  project_heads(maps, 3, x.data, rows, length, head, precision);
}

}  // namespace

void export_project_heads(Napi::Object exports) { export_capturable(exports, "projectHeads", project_heads_of); }

}  // namespace mixtape
