import type { DecoderLayer, PreTrainedModel } from "@mixtape/decoder";
import { checkOptions } from "@mixtape/errors";
import { type Experts, GatedMlp } from "@mixtape/layers";
import { disposeWeight, reshape } from "@mixtape/ops";
import { concat, type Tensor, type Tensor2D, type Tensor3D } from "@tensorflow/tfjs-core";
import { adaptedExperts, adaptedMlp, type FeedForwardSites } from "../batch/adapted-feed-forward.js";
import { adapt, cutAll, type Segment } from "../batch/batch-slice.js";
import { AdapterError } from "../errors.js";
import { type CopiedParam, withCopies } from "../layers/copied-param.js";
import { type Layout, layoutOf, textsOf } from "../routing/sequences.js";
import { type FeedForward, type Site, sitesOf } from "../targets/target-module.js";
import type { Adapter } from "./adapter.js";
import { type MergeOptions, merge, type Originals, unmerge } from "./merge.js";

/** Which adapter a batch runs with, or one for each of its rows; null is the model alone. */
export type Selection = string | null | readonly (string | null)[];

/** The adapters of a model, and which of them its forward passes go through. */
export class Adapters {
  readonly sites: readonly Site[];
  readonly #layers: readonly DecoderLayer[];
  readonly #adapters = new Map<string, Adapter>();
  #selection: Selection = null;
  #isEnabled = true;
  /** How the batch lies that the layer has that runs now: some of its parts get all tokens in a row. */
  #layout: Layout | null = null;
  /** Copies that are in the place of the model's parameters now. */
  #overlaid: readonly CopiedParam[] = [];
  #merged: { readonly name: string; readonly originals: Originals } | null = null;

  constructor(model: PreTrainedModel) {
    this.sites = sitesOf(model);
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
    this.select(adapter.name);
  }

  /** What the next forward passes go through. */
  get selection(): Selection {
    return this.#selection;
  }

  /**
   * Says which adapter forward passes go through from now on: one for the whole batch, or one for each row.
   * @throws {AdapterError} for a name that no adapter has, and for an empty list.
   */
  select(selection: Selection): void {
    if (selection !== null && typeof selection !== "string" && !Array.isArray(selection))
      throw new AdapterError({
        where: "select",
        expected: "the name of an adapter, null for none, or a list with one of these for each row",
        got: show(selection),
      });
    const names = typeof selection === "object" && selection !== null ? selection : [selection];
    if (names.length === 0)
      throw new AdapterError({ where: "select", expected: "an adapter for each row of the batch", got: "no row" });
    for (const name of names) if (name !== null) this.get(name);
    this.#checkMixed([...new Set(names)]);
    this.#selection = typeof selection === "string" || selection === null ? selection : [...selection];
    this.#place();
  }

  /** Refuses rows of several adapters where one of them changes what cannot differ from row to row. */
  #checkMixed(names: readonly (string | null)[]): void {
    if (names.length < 2) return;
    for (const name of names) {
      const copy = name === null ? undefined : this.get(name).copies.find(({ site }) => site === null);
      if (copy)
        throw new AdapterError({
          where: "select",
          expected:
            "adapters that leave norms, routers' biases and the like as they are, where rows differ in their adapter",
          got: `${name}, which has its own ${copy.name}`,
          fix: "Select it for the whole batch",
        });
    }
  }

  /** Runs `f` with another selection. */
  with<T>(selection: Selection, f: () => T): T {
    const before = this.#selection;
    this.select(selection);
    try {
      return f();
    } finally {
      this.select(before);
    }
  }

  /** Lets forward passes go through the selected adapters again. */
  enable(): void {
    this.#isEnabled = true;
    this.#place();
  }

  /** Lets forward passes go through the model alone. The selection stays. */
  disable(): void {
    this.#isEnabled = false;
    this.#place();
  }

  /** The adapter that is part of the model's weights, if there is one. */
  get merged(): string | null {
    return this.#merged?.name ?? null;
  }

  /**
   * Makes an adapter part of the model's weights, in the dtype that they have or in `options.dtype`: it costs nothing any more,
   * and every row goes through it. Its own values stay as they are.
   * @throws {OptionError} for an option that it does not know
   * @throws {AdapterError} for a mixture, where one is merged already, and where a sum is not finite in its dtype.
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
    this.#place();
  }

  /** Gives the model the weights back that it had before {@link merge}, bit for bit. @throws {AdapterError} where none is merged. */
  unmerge(): void {
    if (!this.#merged)
      throw new AdapterError({ where: "unmerge", expected: "a merged adapter", got: "none", fix: "Merge one first" });
    unmerge(this.#merged.originals);
    this.#merged = null;
    this.#place();
  }

  /**
   * Takes an adapter off and frees its values. Rows that were its go through the model alone. What is merged stays part of the
   * model for good.
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
    this.select(
      typeof selection === "string" || selection === null
        ? selection === name
          ? null
          : selection
        : selection.map((row) => (row === name ? null : row)),
    );
  }

  /** Frees all adapters, with the model. */
  #dispose(): void {
    for (const weight of this.#merged?.originals.values() ?? []) disposeWeight(weight);
    this.#merged = null;
    for (const adapter of this.#adapters.values()) adapter.dispose();
    this.#adapters.clear();
    this.#selection = null;
    this.#isEnabled = true;
    this.#place();
  }

  #active(): Set<Adapter> {
    if (!this.#isEnabled) return new Set();
    const names = [this.#selection].flat() as readonly (string | null)[];
    return new Set(names.flatMap((name) => (name === null || name === this.merged ? [] : [this.get(name)])));
  }

  /** Stands around the parts of the model that an active adapter changes, and around no other. */
  #place(): void {
    const active = [...this.#active()];
    this.#overlay(active);
    const hasPiece = (site: Site): boolean => active.some((adapter) => adapter.pieceAt(site));
    const isMixture = active.some(({ mixtures }) => mixtures.size > 0);
    for (const layer of this.#layers)
      layer.wrapForward = isMixture ? (x, context, forward) => this.#aroundLayer(x, layoutOf(context), forward) : null;
    const byFeedForward = new Map<FeedForward, Map<string, Site>>();
    for (const site of this.sites) {
      const { hook, feedForward } = site;
      const isChanged = hasPiece(site) || active.some(({ copies }) => copies.some((copy) => copy.site === site));
      if (hook) hook.wrapForward = isChanged ? (x, forward) => this.#aroundModule(site, x, forward) : null;
      if (!feedForward) continue;
      const own = byFeedForward.get(feedForward) ?? new Map<string, Site>();
      if (hasPiece(site)) own.set(site.name.slice(site.name.lastIndexOf(".") + 1), site);
      byFeedForward.set(feedForward, own);
    }
    for (const [feedForward, sites] of byFeedForward) {
      const isMixed = active.some((adapter) => adapter.mixtureAt(feedForward));
      if (feedForward instanceof GatedMlp) this.#placeMlp(feedForward, isMixed ? sites : null);
      else this.#placeExperts(feedForward, isMixed || sites.size > 0 ? sites : null);
    }
  }

  #aroundLayer(x: Tensor3D, layout: Layout, forward: (x: Tensor3D) => Tensor3D): Tensor3D {
    this.#layout = layout;
    try {
      return forward(x);
    } finally {
      this.#layout = null;
    }
  }

  #placeMlp(mlp: GatedMlp, sites: FeedForwardSites | null): void {
    mlp.wrapForward = sites
      ? (x) => {
          const rows = rowsOf(x);
          return reshape(adaptedMlp(mlp, sites, rows, this.#segments(rows.shape[0], x)), x.shape as never);
        }
      : null;
  }

  #placeExperts(experts: Experts, sites: FeedForwardSites | null): void {
    experts.wrapForward = sites
      ? (routed) => adaptedExperts(experts, sites, routed, this.#segments(routed.x.shape[0], routed.x))
      : null;
  }

  #aroundModule(site: Site, x: Tensor, forward: (x: Tensor) => Tensor): Tensor {
    const isTable = site.kind === "embedding";
    const rows = isTable ? (reshape(x, [x.size, 1]) as Tensor2D) : rowsOf(x);
    const forwardRows = (part: Tensor2D): Tensor2D => forward(isTable ? reshape(part, [part.size]) : part) as Tensor2D;
    const segments = this.#segments(rows.shape[0], x);
    const adapted = adapt(site, rows, forwardOf(site, rows, segments, forwardRows), segments, null);
    const shape = isTable ? adapted.shape : [...x.shape.slice(0, -1), adapted.shape[1]];
    return reshape(adapted, shape as never);
  }

  /** Puts copies of parameters in the place of those that the model looks at from everywhere, such as those of norms. */
  #overlay(active: readonly Adapter[]): void {
    for (const { param } of this.#overlaid) param.overlay = null;
    this.#overlaid = active.flatMap(({ copies }) => copies.filter(({ site }) => site === null));
    for (const { param, copy } of this.#overlaid) param.overlay = copy;
  }

  /** To whom the rows of a batch belong. */
  #segments(rows: number, x: Tensor): Segment[] {
    const selection = this.#selection;
    const adapterOf = (name: string | null) => (name === null || name === this.merged ? null : this.get(name));
    const isOne = typeof selection === "string" || selection === null;
    const perRow = isOne ? rows : rows / selection.length;
    if (!isOne && (!Number.isInteger(perRow) || (x.rank === 3 && x.shape[0] !== selection.length)))
      throw new AdapterError({
        where: "select",
        expected: "an adapter for each row of the batch",
        got: `${selection.length} for ${x.rank === 3 ? x.shape[0] : rows} rows`,
      });
    // A part that is run by itself gets rows of no known layout: each row of the batch is a text.
    const length = x.rank === 3 ? x.shape[1]! : perRow;
    const layout = this.#layout ?? { queries: length, tokenMask: null, documentIds: null };
    const segment = (name: string | null, start: number, end: number): Segment => {
      return {
        adapter: adapterOf(name),
        start,
        end,
        texts: () => textsOf(layout, start, end),
        perToken: 1,
        choice: null,
      };
    };
    if (isOne) return [segment(selection, 0, rows)];
    const segments: Segment[] = [];
    for (let from = 0, row = 1; row <= selection.length; row++) {
      if (row < selection.length && selection[row] === selection[from]) continue;
      segments.push(segment(selection[from]!, from * perRow, row * perRow));
      from = row;
    }
    return segments;
  }
}

function show(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What the model gives, with an adapter's copies of the module's parameters for its rows. */
function forwardOf(
  site: Site,
  x: Tensor2D,
  segments: readonly Segment[],
  forward: (x: Tensor2D) => Tensor2D,
): Tensor2D {
  const copies = segments.map(({ adapter }) => (adapter?.copies ?? []).filter((copy) => copy.site === site));
  if (copies.every((own) => own.length === 0)) return forward(x);
  const parts = cutAll(x, segments).map((part, i) => withCopies(copies[i]!, () => forward(part)));
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}

function rowsOf(x: Tensor): Tensor2D {
  const width = x.shape.at(-1)!;
  return x.rank === 2 ? (x as Tensor2D) : reshape(x, [x.size / width, width]);
}
