/** Checks that Jinja's compiler makes before a template runs. */

import type { Expr, Statement, Target } from "./ast.js";
import { FILTERS } from "./filters/index.js";
import { childrenOf } from "./names.js";
import { TemplateError } from "./template-error.js";
import { TESTS } from "./tests.js";

export type Block = Extract<Statement, { kind: "block" }>;

interface Place {
  /** Whether it is inside a loop that `break` can leave. */
  readonly inLoop: boolean;
  /** Whether `loop` may not be assigned to. */
  readonly loopIsTaken: boolean;
  /** Whether names of filters and tests are resolved when they are reached: directly inside `if`. */
  readonly lenient: boolean;
}

/** Checks a template, and collects its blocks. */
export function check(template: readonly Statement[]): Map<string, Block> {
  const blocks = new Map<string, Block>();
  statements(template, { inLoop: false, loopIsTaken: false, lenient: false });
  return blocks;

  function statements(list: readonly Statement[], place: Place): void {
    for (const statement of list) visit(statement, place);
  }

  function visit(node: Statement, place: Place): void {
    const inner = { ...place, lenient: false };
    const apart = { ...inner, inLoop: false };
    switch (node.kind) {
      case "output":
        for (const item of node.items) if (item.kind !== "data") checkExpression(item, place.lenient);
        break;
      case "for": {
        const taken = { ...inner, loopIsTaken: true };
        checkTarget(node.target, taken);
        checkExpression(node.items, place.lenient);
        checkExpression(node.filter, false);
        statements(node.body, { ...taken, inLoop: true });
        statements(node.otherwise, taken);
        break;
      }
      case "branches":
        for (const { test, body } of node.branches) {
          checkExpression(test, true);
          statements(body, { ...place, lenient: true });
        }
        statements(node.otherwise, { ...place, lenient: true });
        break;
      case "macro":
      case "call block":
        if (node.kind === "call block") checkExpression(node.call, place.lenient);
        for (const value of node.body.defaults) checkExpression(value, false);
        statements(node.body.statements, apart);
        break;
      case "filter block":
        checkExpression(node.filter, false);
        statements(node.body, inner);
        break;
      case "set":
        checkTarget(node.target, place);
        checkExpression(node.value, place.lenient);
        break;
      case "set block":
        checkTarget(node.target, place);
        checkExpression(node.filter, false);
        statements(node.body, inner);
        break;
      case "with":
        for (const [, value] of node.assignments) checkExpression(value, place.lenient);
        statements(node.body, inner);
        break;
      case "autoescape":
        checkExpression(node.value, false);
        statements(node.body, inner);
        break;
      case "generation":
        statements(node.body, apart);
        break;
      case "block":
        if (blocks.has(node.name)) fail(`block '${node.name}' defined twice`);
        blocks.set(node.name, node);
        statements(node.body, apart);
        break;
      case "break":
      case "continue":
        if (!place.inLoop) fail(`'${node.kind}' outside loop`);
        break;
    }
  }
}

function checkTarget(node: Target, place: Place): void {
  if (node.kind === "targets") for (const item of node.items) checkTarget(item, place);
  else if (node.kind === "name" && node.name === "loop" && place.loopIsTaken) {
    fail("Can't assign to special loop variable in for-loop target");
  }
}

function checkExpression(node: Expr | undefined, lenient: boolean): void {
  if (node === undefined) return;
  const known = node.kind === "filter" ? FILTERS : node.kind === "test" ? TESTS : undefined;
  if (!lenient && known !== undefined && "name" in node && !known.has(node.name))
    fail(`No ${node.kind} named '${node.name}'.`);
  for (const child of childrenOf(node)) checkExpression(child, lenient || node.kind === "if");
}

function fail(message: string): never {
  throw new TemplateError("TemplateAssertionError", message);
}
