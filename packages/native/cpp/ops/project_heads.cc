#include "ops/project_heads.h"

#include <vector>

#include "core/scratch.h"
#include "ops/packed.h"

namespace mixtape {
namespace {

/** Numbers of a head that a thread computes at a time: for all tokens, written where they belong. */
struct Part {
  const HeadProjection* map;
  const Packed* x;
  size_t from;
  size_t to;
};

/** Packed inputs, one for each product that the maps need: as a rule one for all. */
class Inputs {
 public:
  Inputs(const HeadProjection* maps, size_t count, size_t tokens, Precision precision) {
    packed_.reserve(count);
    for (size_t i = 0; i < count; i++) {
      const Matrix& w = maps[i].w;
      const Product& product = kernels().product(w.dtype, precision, tokens);
      if (!find(product)) packed_.emplace_back(product, tokens, w.columns);
    }
    for (Packed& packed : packed_) packed.place(scratch_.bytes(packed.bytes()));
  }

  const Packed* find(const Product& product) const {
    for (const Packed& packed : packed_)
      if (&packed.product() == &product) return &packed;
    return nullptr;
  }

  void pack(const float* x, size_t numbers) const {
    for (const Packed& packed : packed_)
      run_steps(packed.steps(), numbers, [&](size_t step) { packed.pack(step, x, nullptr); });
  }

 private:
  std::vector<Packed> packed_;
  Scratch scratch_;
};

}  // namespace

void project_heads(const HeadProjection* maps, size_t count, const float* x, size_t rows, size_t length, size_t head,
                   Precision precision) {
  // With one position, heads are in the order of the product: all rows are tokens of one product.
  const bool is_flat = length == 1;
  const size_t tokens = is_flat ? rows : length;
  const size_t width = maps[0].w.columns;
  const Inputs inputs(maps, count, tokens, precision);
  std::vector<Part> parts;
  for (const HeadProjection* map = maps; map < maps + count; map++) {
    const Matrix& w = map->w;
    const Packed* const packed = inputs.find(kernels().product(w.dtype, precision, tokens));
    const size_t whole = is_flat ? w.rows : head;
    const Shares shares(whole, std::min(whole, rows_of(w, tokens).size));
    for (size_t first = 0; first < w.rows; first += whole)
      for (size_t share = 0; share < shares.count; share++)
        parts.push_back({map, packed, first + shares.from(share), first + shares.to(share)});
  }
  for (size_t row = 0; row < (is_flat ? 1 : rows); row++) {
    inputs.pack(x + row * tokens * width, tokens * width);
    Pool::shared().run(parts.size(), [&](size_t i) {
      const auto [map, packed, from, to] = parts[i];
      const size_t stride = is_flat ? map->w.rows : head;
      float* const y = map->y + row * tokens * map->w.rows + from / stride * stride * tokens + from % stride;
      packed->multiply(map->w.slice(from, to), y, stride);
      if (!map->bias) return;
      for (size_t t = 0; t < tokens; t++)
        kernels().binary(Binary::add, y + t * stride, false, map->bias + from, false, to - from, y + t * stride);
    });
  }
}

}  // namespace mixtape
