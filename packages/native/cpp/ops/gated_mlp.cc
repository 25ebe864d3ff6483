#include "ops/gated_mlp.h"

#include "core/pool.h"
#include "core/scratch.h"

namespace mixtape {

void gated_mlp(const GatedMlp& mlp, const float* x, size_t tokens, const GateOptions& options, float* y) {
  const Matrix& down = mlp.down;
  Pool& pool = Pool::shared();
  Scratch scratch;

  GateUp first(mlp.gate, mlp.up, mlp.bias, tokens, options);
  first.place(scratch.bytes(first.bytes()));
  run_steps(first.steps(), tokens * mlp.gate.columns, [&](size_t step) { first.pack(step, x, nullptr); });
  Packed second(kernels().product(down.dtype, options.precision, tokens), tokens, down.columns);
  second.place(scratch.bytes(second.bytes()));
  const Shares inner = first.shares();
  pool.run(inner.count, [&](size_t share) { first.multiply(inner.from(share), inner.to(share), second); });

  const Shares outer = rows_of(down, tokens);
  pool.run(outer.count, [&](size_t share) {
    const size_t from = outer.from(share);
    const size_t to = outer.to(share);
    second.multiply(down.slice(from, to), y + from, down.rows);
    add_bias(mlp.down_bias ? mlp.down_bias + from : nullptr, tokens, to - from, y + from, down.rows);
  });
}

}  // namespace mixtape
