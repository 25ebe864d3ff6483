import type { DecoderLayer, PreTrainedModel } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import { type Experts, GatedMlp } from "@mixtape/layers";
import { disposeWeight, reshape } from "@mixtape/ops";
import type { Tensor, Tensor2D, Tensor3D } from "@tensorflow/tfjs-core";
import { adaptedExperts, adaptedMlp, type FeedForwardTargets } from "../batch/adapted-feed-forward.js";
import { adapt, type BatchSlice } from "../batch/batch-slice.js";
import { forwardWithCopies, rowsOf } from "../batch/forward-rows.js";
import { type AdapterSelection, sliceBatch } from "../batch/slice-batch.js";
import { AdapterError } from "../errors.js";
import type { CopiedParam } from "../layers/copied-param.js";
import { type BatchLayout, batchLayoutOf } from "../routing/sequences.js";
import { type FeedForward, type TargetModule, targetModulesOf } from "../targets/target-module.js";
import type { Adapter } from "./adapter.js";
import { type MergeOptions, merge, type Originals, unmerge } from "./merge.js";

/** Adapters of a model, with the active ones. */
export class Adapters {
  readonly targetModules: readonly TargetModule[];
  readonly #layers: readonly DecoderLayer[];
  readonly #adapters = new Map<string, Adapter>();
  #selection: AdapterSelection = null;
  #isEnabled = true;
  /** Layout of the batch in the layer that runs: some modules get all tokens as rows. */
  #layout: BatchLayout | null = null;
  /** Copies that replace parameters of the model. */
  #overlaid: readonly CopiedParam[] = [];
  #merged: { readonly name: string; readonly originals: Originals } | null = null;

  constructor(model: PreTrainedModel) {
    this.targetModules = targetModulesOf(model);
    this.#layers = model.model.layers;
    model.onDispose(() => this.#dispose());
  }

  get names(): string[] {
    return [...this.#adapters.keys()];
  }

  /** @throws {AdapterError} where there is none of that name. */
  get(name: string): Adapter {
    const adapter = this.#adapters.get(name);
    if (adapter) return adapter;
    throw new AdapterError({
      where: "adapter",
      expected: this.names.length > 0 ? `one of ${this.names.join(", ")}` : "an adapter that was applied",
      got: JSON.stringify(name),
    });
  }

  /** Adds an adapter and selects it. @throws {AdapterError} where there is one of that name. */
  add(adapter: Adapter): void {
    if (this.#adapters.has(adapter.name))
      throw new AdapterError({
        where: "adapter",
        expected: "a name that no adapter of the model has",
        got: JSON.stringify(adapter.name),
        fix: "Delete that adapter, or give this one another name",
      });
    this.#adapters.set(adapter.name, adapter);
    this.setAdapter(adapter.name);
  }

  /** Adapter of the next forward passes. */
  get activeAdapter(): AdapterSelection {
    return this.#selection;
  }

  /**
   * Sets the active adapter: one for the whole batch, or one for each row.
   * @throws {AdapterError} for an unknown name, and for an empty list.
   */
  setAdapter(activeAdapter: AdapterSelection): void {
    if (activeAdapter !== null && typeof activeAdapter !== "string" && !Array.isArray(activeAdapter))
      throw new AdapterError({
        where: "setAdapter",
        expected: "the name of an adapter, null for none, or a list with one of these for each row",
        got: show(activeAdapter),
      });
    const names = typeof activeAdapter === "object" && activeAdapter !== null ? activeAdapter : [activeAdapter];
    if (names.length === 0)
      throw new AdapterError({ where: "setAdapter", expected: "an adapter for each row of the batch", got: "no row" });
    for (const name of names) if (name !== null) this.get(name);
    this.#checkMixed([...new Set(names)]);
    this.#selection = typeof activeAdapter === "string" || activeAdapter === null ? activeAdapter : [...activeAdapter];
    this.#setHooks();
  }

  /** Throws if rows have different adapters and one of them replaces a parameter that cannot differ by row. */
  #checkMixed(names: readonly (string | null)[]): void {
    if (names.length < 2) return;
    for (const name of names) {
      const copy = name === null ? undefined : this.get(name).copies.find(({ target }) => target === null);
      if (copy)
        throw new AdapterError({
          where: "setAdapter",
          expected:
            "adapters that leave norms, routers' biases and the like as they are, where rows differ in their adapter",
          got: `${name}, which has its own ${copy.name}`,
          fix: "Select it for the whole batch",
        });
    }
  }

  /** Runs `f` with another active adapter. */
  with<T>(activeAdapter: AdapterSelection, f: () => T): T {
    const before = this.#selection;
    this.setAdapter(activeAdapter);
    try {
      return f();
    } finally {
      this.setAdapter(before);
    }
  }

  /** Enables the active adapters again. */
  enable(): void {
    this.#isEnabled = true;
    this.#setHooks();
  }

  /** Disables all adapters; the active one is remembered. */
  disable(): void {
    this.#isEnabled = false;
    this.#setHooks();
  }

  /** Name of the merged adapter, if any. */
  get merged(): string | null {
    return this.#merged?.name ?? null;
  }

  /**
   * Merges an adapter into the model's weights, in their dtype or in `options.dtype`: it costs nothing any more, and applies to
   * every row. Its own parameters are unchanged.
   * @throws {OptionError} for an unknown option
   * @throws {AdapterError} for a mixture, if an adapter is merged already, and if a sum is not finite in its dtype.
   */
  async merge(name: string, options: MergeOptions = {}): Promise<void> {
    checkOptions("merge", options, { dtype: true });
    const adapter = this.get(name);
    if (this.#merged)
      throw new AdapterError({
        where: `merge ${name}`,
        expected: "a model that nothing is merged into",
        got: `one with ${this.#merged.name}`,
        fix: "Unmerge that one, or delete it to keep the model as it is",
      });
    this.#merged = { name, originals: await merge(adapter, options) };
    this.#setHooks();
  }

  /** Restores the weights from before {@link merge}, bit for bit. @throws {AdapterError} if none is merged. */
  unmerge(): void {
    if (!this.#merged)
      throw new AdapterError({ where: "unmerge", expected: "a merged adapter", got: "none", fix: "Merge one first" });
    unmerge(this.#merged.originals);
    this.#merged = null;
    this.#setHooks();
  }

  /**
   * Deletes an adapter and disposes its parameters. Its rows then use the model alone. A merged adapter stays in the weights for
   * good.
   */
  delete(name: string): void {
    const adapter = this.get(name);
    this.#adapters.delete(name);
    if (this.#merged?.name === name) {
      for (const weight of this.#merged.originals.values()) disposeWeight(weight);
      this.#merged = null;
    }
    adapter.dispose();
    const selection = this.#selection;
    this.setAdapter(
      typeof selection === "string" || selection === null
        ? selection === name
          ? null
          : selection
        : selection.map((row) => (row === name ? null : row)),
    );
  }

  /** Disposes all adapters, with the model. */
  #dispose(): void {
    for (const weight of this.#merged?.originals.values() ?? []) disposeWeight(weight);
    this.#merged = null;
    for (const adapter of this.#adapters.values()) adapter.dispose();
    this.#adapters.clear();
    this.#selection = null;
    this.#isEnabled = true;
    this.#setHooks();
  }

  #active(): Set<Adapter> {
    if (!this.#isEnabled) return new Set();
    const names = [this.#selection].flat() as readonly (string | null)[];
    return new Set(names.flatMap((name) => (name === null || name === this.merged ? [] : [this.get(name)])));
  }

  /** Sets the forward hooks of the modules that an active adapter changes, and removes all others. */
  #setHooks(): void {
    const active = [...this.#active()];
    this.#overlay(active);
    const hasLayer = (target: TargetModule): boolean => active.some((adapter) => adapter.layerAt(target));
    const isMixture = active.some(({ routers }) => routers.size > 0);
    for (const layer of this.#layers)
      layer.wrapForward = isMixture
        ? (x, context, forward) => this.#wrapLayer(x, batchLayoutOf(context), forward)
        : null;
    const byFeedForward = new Map<FeedForward, Map<string, TargetModule>>();
    for (const target of this.targetModules) {
      const { hook, feedForward } = target;
      const isChanged = hasLayer(target) || active.some(({ copies }) => copies.some((copy) => copy.target === target));
      if (hook) hook.wrapForward = isChanged ? (x, forward) => this.#wrapModule(target, x, forward) : null;
      if (!feedForward) continue;
      const own = byFeedForward.get(feedForward) ?? new Map<string, TargetModule>();
      if (hasLayer(target)) own.set(target.name.slice(target.name.lastIndexOf(".") + 1), target);
      byFeedForward.set(feedForward, own);
    }
    for (const [feedForward, targets] of byFeedForward) {
      const isMixed = active.some((adapter) => adapter.routerAt(feedForward));
      if (feedForward instanceof GatedMlp) this.#hookMlp(feedForward, isMixed ? targets : null);
      else this.#hookExperts(feedForward, isMixed || targets.size > 0 ? targets : null);
    }
  }

  #wrapLayer(x: Tensor3D, layout: BatchLayout, forward: (x: Tensor3D) => Tensor3D): Tensor3D {
    this.#layout = layout;
    try {
      return forward(x);
    } finally {
      this.#layout = null;
    }
  }

  #hookMlp(mlp: GatedMlp, targetModules: FeedForwardTargets | null): void {
    mlp.wrapForward = targetModules
      ? (x) => {
          const rows = rowsOf(x);
          return reshape(adaptedMlp(mlp, targetModules, rows, this.#slices(rows.shape[0], x)), x.shape as never);
        }
      : null;
  }

  #hookExperts(experts: Experts, targetModules: FeedForwardTargets | null): void {
    experts.wrapForward = targetModules
      ? (routed) => adaptedExperts(experts, targetModules, routed, this.#slices(routed.x.shape[0], routed.x))
      : null;
  }

  #wrapModule(target: TargetModule, x: Tensor, forward: (x: Tensor) => Tensor): Tensor {
    const isTable = target.kind === "embedding";
    const rows = isTable ? (reshape(x, [x.size, 1]) as Tensor2D) : rowsOf(x);
    const forwardRows = (part: Tensor2D): Tensor2D => forward(isTable ? reshape(part, [part.size]) : part) as Tensor2D;
    const slices = this.#slices(rows.shape[0], x);
    const adapted = adapt(target, rows, forwardWithCopies(target, rows, slices, forwardRows), slices, null);
    const shape = isTable ? adapted.shape : [...x.shape.slice(0, -1), adapted.shape[1]];
    return reshape(adapted, shape as never);
  }

  /** Replaces parameters that are not bound to a target module, such as those of norms, by copies. */
  #overlay(active: readonly Adapter[]): void {
    for (const { param } of this.#overlaid) param.overlay = null;
    this.#overlaid = active.flatMap(({ copies }) => copies.filter(({ target }) => target === null));
    for (const { param, copy } of this.#overlaid) param.overlay = copy;
  }

  /** Returns the slices of a batch, one for each run of rows with the same adapter. */
  #slices(rows: number, x: Tensor): BatchSlice[] {
    const adapterOf = (name: string | null) => (name === null || name === this.merged ? null : this.get(name));
    return sliceBatch(this.#selection, adapterOf, { rows, x, layout: this.#layout });
  }
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
