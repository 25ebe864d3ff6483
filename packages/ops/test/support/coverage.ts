import { readdirSync, readFileSync } from "node:fs";
import { CATALOGUE } from "./catalogue.js";
import { CONTRACTS } from "./contracts.js";

/** What is looked at in each case of an op. */
export type Check = "value" | "tensors" | "differences" | "composition" | "leaks";

/** How an op ran on an engine, and in how many of its cases each check passed. */
interface Checked {
  readonly ran: "fused" | "composed";
  readonly passed: Readonly<Partial<Record<Check, number>>>;
}

/** What passed on one engine, by op. */
export type Coverage = Record<string, Checked>;

/** Notes that a check passed in one more case. */
export function note(coverage: Coverage, op: string, ran: Checked["ran"], check: Check): void {
  const { passed = {} } = coverage[op] ?? {};
  coverage[op] = { ran, passed: { ...passed, [check]: (passed[check] ?? 0) + 1 } };
}

const FOLDER = new URL("../__fixtures__/coverage/", import.meta.url);

/** What the last run on each engine wrote down, by engine. */
export function writtenCoverage(): Record<string, Coverage> {
  const engines = readdirSync(FOLDER).map((file) => file.replace(".json", ""));
  return Object.fromEntries(
    engines.map((engine) => [engine, JSON.parse(readFileSync(new URL(`${engine}.json`, FOLDER), "utf8")) as Coverage]),
  );
}

/** `docs/ops.md`, from the coverage of each engine. */
export function manualPage(coverage: Readonly<Record<string, Coverage>>): string {
  const engines = Object.keys(coverage).sort();
  const rows = CATALOGUE.map(({ op, kernel }) => {
    const cells = engines.map((engine) => cell(coverage[engine]![op]));
    return `| ${op} | \`${kernel}\` | ${cells.join(" | ")} |`;
  });
  return `# Operations, engines and gradients

What the tests of [\`@mixtape/ops\`](../packages/ops) checked, written by them: \`npx vitest run -u test/ops.test.ts\` in
that folder writes this page, and a test fails where it is not what passed. The cases are in
\`packages/ops/test/support\`.

| op | kernel | ${engines.join(" | ")} |
|---|---|${"---|".repeat(engines.length)}
${rows.join("\n")}

- **fused**: the engine has the kernel, and ran it. **composed**: it has none, and the composition of TensorFlow.js
  operations ran.
- **values**: in how many cases the output was that of the op's formula in float64 within 5e-6, that of the composition was
  too, and no tensor but the output was left. **gradients**: in how many cases the gradient of every floating-point input
  agreed with central differences of the formula in float64 within 2e-5 of the largest one (or of 1), agreed with the
  composition's gradient within 1e-5, and nothing else was left.
- A fused op's gradient is its composition's, recomputed from the inputs. So an engine that gets a kernel keeps its gradients:
  a test puts a stand-in for each of the ${CONTRACTS.length} kernels in place, optional inputs present and absent, and looks at the gradients.
- \`topKIndices\` has no gradient: indices are a constant.
- Against torch: \`test/golden.test.ts\` compares rmsNorm, rotary, attention, gatedMlp, experts in all strategies, and
  routers (linear, topKIndices, takeAlongAxis) with values and gradients of torch 2.13, within 1e-5, fused and composed, on the
  same engines.
${"tensorflow" in coverage ? "- `cpu`, `wasm` and `native` are checked at every change, `tensorflow` by `npm run verify:tensorflow -- ops`.\n" : ""}`;
}

function cell(checked: Checked | undefined): string {
  if (!checked) return "–";
  const { value = 0, tensors = 0, differences = 0, composition = 0, leaks = 0 } = checked.passed;
  const gradients = Math.min(differences, composition, leaks);
  const values = Math.min(value, tensors);
  return [checked.ran, `${values} values`, ...(gradients > 0 ? [`${gradients} gradients`] : [])].join(", ");
}
