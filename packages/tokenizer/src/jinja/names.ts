/** Names that a template's tree mentions. */

import type { CallArguments, Expr, Statement, Target } from "./ast.js";

/**
 * Returns which of these names a body reads before it binds them; Jinja's compiler uses that to decide whether to pass
 * `caller`, `kwargs` or `varargs` to a macro. Visits names in the order of the fields of Jinja's nodes, and does not
 * visit blocks.
 */
export function readsOf<Name extends string>(body: readonly Statement[], names: readonly Name[]): Set<Name> {
  const open = new Set<string>(names);
  const found = new Set<Name>();
  statements(body);
  return found;

  function statements(list: readonly Statement[]): void {
    for (const statement of list) visit(statement);
  }

  function expressions(...list: readonly (Expr | undefined)[]): void {
    for (const expr of list) {
      if (expr === undefined) continue;
      if (expr.kind === "name" && open.has(expr.name)) found.add(expr.name as Name);
      expressions(...childrenOf(expr));
    }
  }

  function bind(target: Target): void {
    if (target.kind === "name") open.delete(target.name);
    else if (target.kind === "targets") for (const item of target.items) bind(item);
  }

  function visit(node: Statement): void {
    switch (node.kind) {
      case "output":
        for (const item of node.items) if (item.kind !== "data") expressions(item);
        break;
      case "for":
        bind(node.target);
        expressions(node.items);
        statements(node.body);
        statements(node.otherwise);
        expressions(node.filter);
        break;
      case "branches":
        for (const branch of node.branches) {
          expressions(branch.test);
          statements(branch.body);
        }
        statements(node.otherwise);
        break;
      case "macro":
      case "call block":
        if (node.kind === "call block") expressions(node.call);
        for (const parameter of node.body.parameters) open.delete(parameter);
        expressions(...node.body.defaults);
        statements(node.body.statements);
        break;
      case "filter block":
        statements(node.body);
        expressions(node.filter);
        break;
      case "set":
        bind(node.target);
        expressions(node.value);
        break;
      case "set block":
        bind(node.target);
        expressions(node.filter);
        statements(node.body);
        break;
      case "with":
        for (const [target] of node.assignments) bind(target);
        for (const [, value] of node.assignments) expressions(value);
        statements(node.body);
        break;
      case "autoescape":
        expressions(node.value);
        statements(node.body);
        break;
      case "generation":
        statements(node.body);
        break;
    }
  }
}

/** Returns the subexpressions of an expression. */
export function childrenOf(node: Expr): readonly (Expr | undefined)[] {
  switch (node.kind) {
    case "const":
    case "name":
      return [];
    case "tuple":
    case "list":
    case "concat":
      return node.items;
    case "dict":
      return node.entries.flat();
    case "if":
      return [node.test, node.consequent, node.alternate];
    case "and":
    case "or":
    case "binary":
      return [node.left, node.right];
    case "not":
    case "negative":
    case "positive":
      return [node.operand];
    case "compare":
      return [node.first, ...node.rest.map(({ right }) => right)];
    case "attribute":
      return [node.object];
    case "item":
      return [node.object, node.key];
    case "slice":
      return [node.object, node.start, node.stop, node.step];
    case "call":
      return [node.callee, ...argumentsOf(node)];
    case "filter":
    case "test":
      return [node.value, ...argumentsOf(node)];
  }
}

function argumentsOf({ args, kwargs, spread, namedSpread }: CallArguments): (Expr | undefined)[] {
  return [...args, ...kwargs.map(([, value]) => value), spread, namedSpread];
}
