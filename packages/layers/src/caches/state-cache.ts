import { assign, canAssign, hostCallback } from "@mixtape/ops";
import {
  concat,
  dispose,
  gather,
  keep,
  mul,
  split,
  type Tensor,
  tensor1d,
  tidy,
  zerosLike,
} from "@tensorflow/tfjs-core";
import { LayersError } from "../errors.js";
import type { LayerCache, LayerCacheState, Snapshot } from "./layer-cache.js";

type States = Readonly<Record<string, Tensor>>;

/** Shapes of states by name, without the rows: `{ state: [H, Dk, Dv] }`. */
export type StateShapes = Readonly<Record<string, readonly number[]>>;

/**
 * Tensors of fixed size, `[B, …]` each, for recurrent mixers: the state of a recurrence, the last inputs of a
 * convolution. States set in a forward pass replace the previous ones when the pass is committed.
 */
export class StateCache implements LayerCache {
  readonly layout: string;
  readonly #shapes: StateShapes;
  #states: States = {};
  #pending: States = {};
  #length = 0;
  #added = 0;
  #generation: object = {};
  /** Changes when rows are reordered, which invalidates snapshots. */
  #order: object = {};

  /** @param shapes the states, by name, without the rows */
  constructor(shapes: StateShapes) {
    this.#shapes = shapes;
    this.layout = `states ${Object.entries(shapes)
      .map(([name, shape]) => `${name} [${shape.join(", ")}]`)
      .join(", ")}`;
  }

  get length(): number {
    return this.#length + this.#added;
  }

  get generation(): object {
    return this.#generation;
  }

  /**
   * Returns the states, which the cache owns; undefined before the first token.
   * @param rows B, of the next tokens
   * @throws {LayersError} if the batch size differs from the cache's.
   */
  read(rows: number): States | undefined {
    const states = Object.keys(this.#pending).length > 0 ? this.#pending : this.#states;
    const [first] = Object.values(states);
    if (!first) return undefined;
    if (first.shape[0] !== rows)
      throw new LayersError({
        where: "StateCache",
        expected: `${first.shape[0]} rows, as in the cache`,
        got: `${rows}`,
        fix: "Use one cache per batch",
      });
    return states;
  }

  /**
   * Sets all states to their values after `count` more positions. The caller keeps the tensors.
   * @throws {LayersError} if they do not fit this layout.
   */
  set(states: States, count: number): void {
    this.#check("StateCache.set", states);
    this.#dropPending();
    this.#pending = mapOf(states, (state) => keep(state.clone()));
    hostCallback(() => {
      this.#added += count;
    });
  }

  commit(): void {
    const pending = this.#pending;
    if (Object.keys(pending).length > 0) {
      // In place if the engine can: a captured graph writes where the next step reads.
      const inPlace = Object.entries(pending).every(([name, state]) => canAssign(this.#states[name], state));
      if (inPlace) for (const [name, state] of Object.entries(pending)) assign(this.#states[name]!, state);
      else this.#replace(mapOf(pending, (state) => keep(copyOf(state))));
      this.#dropPending();
    }
    hostCallback(() => {
      this.#length += this.#added;
      this.#added = 0;
    });
  }

  rollback(): void {
    this.#dropPending();
    this.#added = 0;
  }

  evict(): void {}

  canTruncate(length: number): boolean {
    return length === 0 || length >= this.length;
  }

  truncate(length: number): void {
    if (length >= this.length) return;
    if (length === 0) {
      this.dispose();
      return;
    }
    throw new LayersError({
      where: "StateCache.truncate",
      expected: `${this.length} positions, or 0`,
      got: `${length}`,
      fix: "A recurrence cannot be truncated: take a snapshot before, and restore it",
    });
  }

  /** A row can only stay unchanged, or restart. */
  canShiftRight(shifts: readonly number[]): boolean {
    return shifts.every((shift) => shift === 0 || shift >= this.length);
  }

  shiftRight(shifts: readonly number[]): void {
    if (!this.canShiftRight(shifts))
      throw new LayersError({
        where: "StateCache.shiftRight",
        expected: `0 or ${this.length} positions for each row`,
        got: `[${shifts}]`,
        fix: "A recurrence cannot be truncated: take a snapshot before, and restore it",
      });
    if (!shifts.some((shift) => shift > 0)) return;
    this.#order = {};
    this.#replace(
      tidy(() =>
        mapOf(this.#states, (state) => {
          const rows = split(state, shifts.length);
          return keep(concat(rows.map((own, row) => (shifts[row] === 0 ? own : zerosLike(own)))));
        }),
      ),
    );
  }

  reorder(rows: readonly number[]): void {
    this.#order = {};
    this.#replace(
      tidy(() => {
        const order = tensor1d([...rows], "int32");
        return mapOf(this.#states, (state) => keep(gather(state, order)));
      }),
    );
  }

  snapshot(): Snapshot {
    const { length, tensors } = this.exportState();
    for (const tensor of Object.values(tensors)) keep(tensor);
    const order = this.#order;
    return {
      restore: () => {
        if (order !== this.#order)
          throw new LayersError({
            where: "Snapshot.restore",
            expected: "a cache with unchanged rows",
            got: "a cache with reordered rows",
          });
        this.importState({ length, tensors });
      },
      release: () => {
        dispose(Object.values(tensors));
      },
    };
  }

  copy(): StateCache {
    const copy = new StateCache(this.#shapes);
    copy.#states = mapOf(this.#states, (state) => keep(copyOf(state)));
    copy.#length = this.#length;
    return copy;
  }

  exportState(): LayerCacheState {
    return { length: this.#length, tensors: mapOf(this.#states, copyOf) };
  }

  importState({ length, tensors }: LayerCacheState): void {
    if (length > 0 || Object.keys(tensors).length > 0) this.#check("StateCache.importState", tensors);
    this.rollback();
    this.#replace(mapOf(tensors, (state) => keep(copyOf(state))));
    this.#length = length;
  }

  dispose(): void {
    this.rollback();
    this.#replace({});
    this.#length = 0;
  }

  #replace(states: States): void {
    this.#generation = {};
    dispose(Object.values(this.#states));
    this.#states = states;
  }

  #check(where: string, states: States): void {
    const given = mapOf(states, ({ shape }) => shape.slice(1).join(", "));
    const names = Object.keys(this.#shapes);
    const rows = new Set(Object.values(states).map(({ shape }) => shape[0]));
    const fits = names.every((name) => given[name] === this.#shapes[name]!.join(", "));
    if (fits && Object.keys(given).length === names.length && rows.size === 1) return;
    throw new LayersError({
      where,
      expected: `${this.layout} with the same rows`,
      got:
        Object.entries(states)
          .map(([name, { shape }]) => `${name} [${shape.join(", ")}]`)
          .join(", ") || "none",
    });
  }

  #dropPending(): void {
    dispose(Object.values(this.#pending));
    this.#pending = {};
  }
}

/** A product, since a clone would share the memory that the next step writes to. */
function copyOf(state: Tensor): Tensor {
  return mul(state, 1);
}

function mapOf<T>(states: States, f: (state: Tensor) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(states).map(([name, state]) => [name, f(state)]));
}
