/** The syntax tree of a template. */

import type { Value } from "./values.js";

export type Expr =
  | { readonly kind: "const"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "tuple" | "list" | "concat"; readonly items: readonly Expr[] }
  | { readonly kind: "dict"; readonly entries: readonly (readonly [Expr, Expr])[] }
  | { readonly kind: "if"; readonly test: Expr; readonly consequent: Expr; readonly alternate: Expr | undefined }
  | { readonly kind: "and" | "or"; readonly left: Expr; readonly right: Expr }
  | { readonly kind: "not" | "negative" | "positive"; readonly operand: Expr }
  | { readonly kind: "compare"; readonly first: Expr; readonly rest: readonly Comparison[] }
  | { readonly kind: "binary"; readonly operator: BinaryOperator; readonly left: Expr; readonly right: Expr }
  | { readonly kind: "attribute"; readonly object: Expr; readonly name: string }
  | { readonly kind: "item"; readonly object: Expr; readonly key: Expr }
  | SliceExpr
  | ({ readonly kind: "call"; readonly callee: Expr } & CallArguments)
  | FilterExpr
  | ({ readonly kind: "test"; readonly name: string; readonly value: Expr } & CallArguments);

/** `value[start:stop:step]`. Within a list of keys it is a slice object, a key that nothing has. */
export interface SliceExpr {
  readonly kind: "slice";
  readonly object: Expr | undefined;
  readonly start: Expr | undefined;
  readonly stop: Expr | undefined;
  readonly step: Expr | undefined;
}

/** `value` is absent for the first filter of a filter block: it is the block's text. */
export type FilterExpr = {
  readonly kind: "filter";
  readonly name: string;
  readonly value: Expr | undefined;
} & CallArguments;

export type BinaryOperator = "+" | "-" | "*" | "/" | "//" | "%" | "**";

export interface Comparison {
  readonly operator: "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in";
  readonly right: Expr;
}

export interface CallArguments {
  readonly args: readonly Expr[];
  readonly kwargs: readonly (readonly [string, Expr])[];
  /** `*args` */
  readonly spread: Expr | undefined;
  /** `**kwargs` */
  readonly namedSpread: Expr | undefined;
}

export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "namespace"; readonly name: string; readonly attribute: string }
  | { readonly kind: "targets"; readonly items: readonly Target[] };

export type Statement =
  | { readonly kind: "output"; readonly items: readonly Output[] }
  | ForStatement
  | { readonly kind: "branches"; readonly branches: readonly Branch[]; readonly otherwise: readonly Statement[] }
  | MacroStatement
  | { readonly kind: "call block"; readonly call: Expr; readonly body: Signature }
  | { readonly kind: "filter block"; readonly filter: FilterExpr; readonly body: readonly Statement[] }
  | { readonly kind: "set"; readonly target: Target; readonly value: Expr }
  | {
      readonly kind: "set block";
      readonly target: Target;
      readonly filter: FilterExpr | undefined;
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "with";
      readonly assignments: readonly (readonly [Target, Expr])[];
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "block";
      readonly name: string;
      readonly scoped: boolean;
      readonly required: boolean;
      readonly body: readonly Statement[];
    }
  | { readonly kind: "autoescape"; readonly value: Expr; readonly body: readonly Statement[] }
  | { readonly kind: "generation"; readonly body: readonly Statement[] }
  | { readonly kind: "break" | "continue" }
  | { readonly kind: "load"; readonly tag: string };

/** Text of the template, or an expression whose value is printed. */
export type Output = { readonly kind: "data"; readonly text: string } | Expr;

export interface ForStatement {
  readonly kind: "for";
  readonly target: Target;
  readonly items: Expr;
  readonly filter: Expr | undefined;
  readonly recursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
}

export interface Branch {
  readonly test: Expr;
  readonly body: readonly Statement[];
}

export interface MacroStatement {
  readonly kind: "macro";
  readonly name: string;
  readonly body: Signature;
}

/** Parameters and body of a macro or of a call block. */
export interface Signature {
  readonly parameters: readonly string[];
  /** Defaults of the last parameters. */
  readonly defaults: readonly Expr[];
  readonly statements: readonly Statement[];
  /** Special names that the body reads; only those are passed. */
  readonly special: ReadonlySet<"caller" | "kwargs" | "varargs">;
}
