/** The syntax tree of both syntaxes. */

import type { CharSet } from "./char-set.js";

/**
 * Position that an assertion requires. `lineStartBeforeEnd` excludes the end of the text, as Oniguruma does, and
 * `noWordBoundaryOfSome` the empty text, as Python before 3.14 does.
 */
export type Position =
  | "textStart"
  | "textEnd"
  | "textEndOrNewline"
  | "lineStart"
  | "lineStartBeforeEnd"
  | "lineEnd"
  | "wordBoundary"
  | "noWordBoundary"
  | "noWordBoundaryOfSome";

/** Backtracking mode of a repetition. A possessive one never gives back. */
export type RepeatMode = "greedy" | "lazy" | "possessive";

export type Node =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly Node[] }
  | {
      readonly kind: "repeat";
      readonly node: Node;
      readonly min: number;
      /** `Infinity` for no limit. */
      readonly max: number;
      readonly mode: RepeatMode;
    }
  | { readonly kind: "atomic"; readonly node: Node }
  | { readonly kind: "look"; readonly node: Node; readonly behind: boolean; readonly negative: boolean }
  | { readonly kind: "position"; readonly at: Position; readonly word?: CharSet };

/** Matches the empty text. */
export const EMPTY: Node = { kind: "sequence", nodes: [] };

/** Concatenates nodes. */
export function sequence(nodes: readonly Node[]): Node {
  return nodes.length === 1 ? nodes[0]! : { kind: "sequence", nodes };
}

/** Tries nodes in order. */
export function choice(nodes: readonly Node[]): Node {
  return nodes.length === 1 ? nodes[0]! : { kind: "choice", nodes };
}

/** Whether a node can match the empty text. */
export function isNullable(node: Node): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "sequence":
      return node.nodes.every(isNullable);
    case "choice":
      return node.nodes.some(isNullable);
    case "repeat":
      return node.min === 0 || isNullable(node.node);
    case "atomic":
      return isNullable(node.node);
    case "look":
    case "position":
      return true;
  }
}

/** Returns the minimum and maximum number of characters that a node matches. */
export function widthOf(node: Node): readonly [min: number, max: number] {
  switch (node.kind) {
    case "set":
      return [1, 1];
    case "sequence": {
      const widths = node.nodes.map(widthOf);
      return [widths.reduce((sum, [min]) => sum + min, 0), widths.reduce((sum, [, max]) => sum + max, 0)];
    }
    case "choice": {
      const widths = node.nodes.map(widthOf);
      return [
        widths.reduce((least, [min]) => Math.min(least, min), Infinity),
        widths.reduce((most, [, max]) => Math.max(most, max), 0),
      ];
    }
    case "repeat": {
      const [min, max] = widthOf(node.node);
      return [min * node.min, max === 0 ? 0 : max * node.max];
    }
    case "atomic":
      return widthOf(node.node);
    case "look":
    case "position":
      return [0, 0];
  }
}
