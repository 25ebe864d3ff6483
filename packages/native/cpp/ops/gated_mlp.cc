#include "ops/gated_mlp.h"

#include "core/pool.h"
#include "core/scratch.h"

namespace mixtape {

void gated_mlp(const GatedMlp& mlp, const float* x, size_t tokens, const GateOptions& options, float* y) {
  const Matrix& down = mlp.down;
  Pool& pool = Pool::shared();
  Scratch scratch;

  GateUp first(mlp.gate, mlp.up, tokens, options);
  first.place(scratch.bytes(first.bytes()));
  run_steps(first.steps(), tokens * mlp.gate.columns, [&](size_t step) { first.pack(step, x, nullptr); });
  float* const hidden = scratch.floats(tokens * down.columns);
  const Shares inner = first.shares();
  pool.run(inner.count, [&](size_t share) { first.multiply(inner.from(share), inner.to(share), hidden); });

  Packed second(kernels().product(down.dtype, options.precision, tokens), tokens, down.columns);
  second.place(scratch.bytes(second.bytes()));
  run_steps(second.steps(), tokens * down.columns, [&](size_t step) { second.pack(step, hidden, nullptr); });
  const Shares outer = rows_of(down, tokens);
  pool.run(outer.count, [&](size_t share) {
    const size_t from = outer.from(share);
    second.multiply(down.slice(from, outer.to(share)), y + from, down.rows);
  });
}

}  // namespace mixtape
