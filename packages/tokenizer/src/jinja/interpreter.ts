/** Renders the tree of a template. */

import type {
  Branch,
  CallArguments,
  Expr,
  FilterExpr,
  ForStatement,
  MacroStatement,
  Output as OutputItem,
  Signature,
  Statement,
  Target,
} from "./ast.js";
import type { Budget } from "./budget.js";
import { FILTERS } from "./filters/index.js";
import { makeGlobals } from "./globals.js";
import { filtered, LoopContext } from "./loop-context.js";
import { Output, TracedOutput } from "./output.js";
import { getAttribute, getItem, slice } from "./python/attributes.js";
import { compare, contains, equals, iterate, toList, truth } from "./python/compare.js";
import { escapeHtml } from "./python/markup.js";
import { binary, negate, positive } from "./python/operators.js";
import { str } from "./python/repr.js";
import { joinText } from "./python/string-methods.js";
import type { Runtime } from "./runtime.js";
import { Scope } from "./scope.js";
import { TemplateError, typeError, valueError } from "./template-error.js";
import { TESTS } from "./tests.js";
import {
  type Arguments,
  asText,
  Callable,
  Dict,
  Markup,
  Namespace,
  OneShot,
  orElse,
  Record,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.js";

type Signal = "break" | "continue" | undefined;

/** A span of the text, in UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface InterpreterOptions {
  readonly budget: Budget;
  readonly now: () => Date;
}

export class Interpreter implements Runtime {
  readonly budget: Budget;
  readonly now: () => Date;
  /** Output of the template as a whole. */
  readonly output: TracedOutput;
  /** Spans of `{% generation %}` blocks, as transformers' AssistantTracker computes them. */
  readonly generations: Span[] = [];
  autoescape = false;
  /** The messages: text printed in the loop iteration of one of them is attributed to it. */
  messages: ReadonlySet<Dict> = new Set();
  readonly #root: Scope;
  readonly #context: Scope;
  readonly #blocks = new Map<string, Extract<Statement, { kind: "block" }>>();

  constructor(variables: Iterable<readonly [string, Value]>, { budget, now }: InterpreterOptions) {
    this.budget = budget;
    this.now = now;
    this.output = new TracedOutput(budget);
    this.#context = new Scope(undefined);
    for (const [name, value] of makeGlobals(this)) this.#context.set(name, value);
    for (const [name, value] of variables) this.#context.set(name, value);
    this.#root = new Scope(this.#context);
  }

  render(template: readonly Statement[], blocks: ReadonlyMap<string, Extract<Statement, { kind: "block" }>>): void {
    for (const [name, block] of blocks) this.#blocks.set(name, block);
    if (blocks.size > 0) this.#context.set("self", new Dict());
    this.#run(template, this.#root, this.output);
  }

  filter(name: string, value: Value, args: Arguments): Value {
    const filter = FILTERS.get(name);
    if (filter === undefined) throw new TemplateError("TemplateRuntimeError", `No filter named '${name}'.`);
    return filter(value, args, this);
  }

  test(name: string, value: Value, args: Arguments): Value {
    const test = TESTS.get(name);
    if (test === undefined) throw new TemplateError("TemplateRuntimeError", `No test named '${name}'.`);
    return test(value, args, this);
  }

  // Statements

  #run(statements: readonly Statement[], scope: Scope, output: Output): Signal {
    this.budget.enter();
    let signal: Signal;
    for (const statement of statements) {
      this.budget.spend();
      signal = this.#statement(statement, scope, output);
      if (signal !== undefined) break;
    }
    this.budget.leave();
    return signal;
  }

  #statement(statement: Statement, scope: Scope, output: Output): Signal {
    switch (statement.kind) {
      case "output":
        for (const item of statement.items) this.#print(item, scope, output);
        return undefined;
      case "branches":
        return this.#branches(statement.branches, statement.otherwise, scope, output);
      case "for":
        this.#for(statement, scope, output);
        return undefined;
      case "set":
        this.#assign(statement.target, this.#eval(statement.value, scope), scope);
        return undefined;
      case "set block": {
        const captured = new Output(this.budget);
        const signal = this.#run(statement.body, new Scope(scope), captured);
        if (signal !== undefined) return signal;
        const text = this.#safe(captured);
        const value = statement.filter === undefined ? text : this.#filters(statement.filter, new Scope(scope), text);
        this.#assign(statement.target, this.autoescape ? new Markup(str(value, this.budget)) : value, scope);
        return undefined;
      }
      case "macro":
        scope.set(statement.name, this.#macro(statement, scope));
        return undefined;
      case "call block":
        this.#callBlock(statement.call, statement.body, scope, output);
        return undefined;
      case "filter block": {
        const inner = new Scope(scope);
        const captured = new Output(this.budget);
        const signal = this.#run(statement.body, inner, captured);
        if (signal !== undefined) return signal;
        output.write(this.#toText(this.#filters(statement.filter, inner, this.#safe(captured))), scope.subject);
        return undefined;
      }
      case "with": {
        const inner = new Scope(scope);
        for (const [target, value] of statement.assignments) this.#assign(target, this.#eval(value, scope), inner);
        return this.#run(statement.body, inner, output);
      }
      case "generation":
        this.#generation(statement.body, scope, output);
        return undefined;
      case "block":
        this.#block(statement, scope, output);
        return undefined;
      case "autoescape": {
        const before = this.autoescape;
        this.autoescape = truth(this.#eval(statement.value, scope));
        const signal = this.#run(statement.body, new Scope(scope), output);
        this.autoescape = before;
        return signal;
      }
      case "break":
      case "continue":
        return statement.kind;
      case "load":
        throw typeError(`no loader for this environment specified: chat templates cannot ${statement.tag} others`);
    }
  }

  #print(item: OutputItem, scope: Scope, output: Output): void {
    if (item.kind === "data") {
      this.budget.spend();
      output.write(item.text, scope.subject, true);
      return;
    }
    if (output instanceof TracedOutput && scope.subject !== null && !this.autoescape && isSum(item)) {
      this.#printSum(item, scope, output);
      return;
    }
    output.write(this.#toText(this.#eval(item, scope)), scope.subject, item.kind === "const");
  }

  /** Prints a sum of texts in pieces, to distinguish the template's own texts from the messages'. */
  #printSum(sum: Expr, scope: Scope, output: Output): void {
    const pieces: { text: string; literal: boolean }[] = [];
    let value: Value = "";
    const terms = termsOf(sum);
    terms.forEach((term, index) => {
      const next = this.#eval(term.expr, scope);
      value = index === 0 ? next : term.concat ? this.#concat([value, next]) : binary("+", value, next, this.budget);
      pieces.push({ text: str(next, this.budget), literal: term.expr.kind === "const" });
    });
    const text = this.#toText(value);
    // Numbers add up, and safe strings escape their operands: then the pieces differ from the printed text.
    if (pieces.map((piece) => piece.text).join("") !== text) output.write(text, scope.subject);
    else for (const piece of pieces) output.write(piece.text, scope.subject, piece.literal);
  }

  #toText(value: Value): string {
    return this.autoescape ? escapeHtml(value, this.budget).text : str(value, this.budget);
  }

  #capture(statements: readonly Statement[], scope: Scope): Value {
    const output = new Output(this.budget);
    this.#run(statements, scope, output);
    return this.#safe(output);
  }

  /** Returns a captured text: escaped already if escaping is on. */
  #safe(output: Output): Value {
    return this.autoescape ? new Markup(output.toString()) : output.toString();
  }

  #branches(branches: readonly Branch[], otherwise: readonly Statement[], scope: Scope, output: Output): Signal {
    for (const { test, body } of branches) {
      this.budget.spend();
      if (truth(this.#eval(test, scope))) return this.#run(body, scope, output);
    }
    return this.#run(otherwise, scope, output);
  }

  #for(loop: ForStatement, scope: Scope, output: Output): void {
    const items = this.#eval(loop.items, scope);
    if (!loop.recursive) {
      this.#loop(loop, items, 0, scope, output);
      return;
    }
    // As in Jinja, a recursive loop is a function that returns its text.
    output.write(this.#toText(this.#recursiveLoop(loop, items, 0, scope)), scope.subject);
  }

  #recursiveLoop(loop: ForStatement, items: Value, depth: number, scope: Scope): Value {
    const inner = new Output(this.budget);
    this.budget.enter();
    this.#loop(loop, items, depth, scope, inner);
    this.budget.leave();
    return this.#safe(inner);
  }

  #loop(loop: ForStatement, items: Value, depth: number, scope: Scope, output: Output): void {
    const chosen =
      loop.filter === undefined
        ? items
        : new OneShot(filtered(items, (item) => this.#passes(loop, item, scope), this.budget));
    const recurse = loop.recursive
      ? (inner: Value, level: number) => this.#recursiveLoop(loop, inner, level, scope)
      : undefined;
    const context = new LoopContext(chosen, depth, this.budget, recurse);
    let empty = true;
    for (let item = context.advance(); item !== undefined; item = context.advance()) {
      empty = false;
      const inner = new Scope(scope, item instanceof Dict && this.messages.has(item) ? item : scope.subject);
      inner.looksUp = typeof item === "bigint";
      inner.set("loop", context);
      this.#assign(loop.target, item, inner);
      if (this.#run(loop.body, inner, output) === "break") break;
    }
    if (empty) this.#run(loop.otherwise, new Scope(scope), output);
  }

  #passes(loop: ForStatement, item: Value, scope: Scope): boolean {
    const inner = new Scope(scope);
    this.#assign(loop.target, item, inner);
    return truth(this.#eval(loop.filter as Expr, inner));
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === "name") {
      scope.set(target.name, value);
      if (scope.looksUp && value instanceof Dict && this.messages.has(value)) {
        scope.looksUp = false;
        scope.subject = value;
      }
    } else if (target.kind === "namespace") {
      const namespace = scope.get(target.name);
      if (!(namespace instanceof Namespace))
        throw new TemplateError("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
      namespace.attributes.set(target.attribute, value);
    } else {
      if (value instanceof Namespace || value instanceof Callable)
        throw typeError(`cannot unpack non-iterable ${typeName(value)} object`);
      const values = toList(value, this.budget);
      const { length } = target.items;
      if (values.length > length) throw valueError(`too many values to unpack (expected ${length})`);
      if (values.length < length)
        throw valueError(`not enough values to unpack (expected ${length}, got ${values.length})`);
      for (const [index, item] of target.items.entries()) this.#assign(item, values[index] as Value, scope);
    }
  }

  #macro({ name, body }: MacroStatement, scope: Scope): Callable {
    const attributes = new Map<string, Value>([
      ["name", name],
      ["arguments", new Tuple(body.parameters)],
      ["catch_kwargs", body.special.has("kwargs")],
      ["catch_varargs", body.special.has("varargs")],
      ["caller", body.special.has("caller")],
    ]);
    return new Callable(name, (args) => this.#callMacro(name, body, args, scope), attributes, "Macro");
  }

  #callMacro(
    name: string,
    { parameters, defaults, statements, special }: Signature,
    { positional: given, named }: Arguments,
    around: Scope,
  ): Value {
    // A macro's text is attributed to no message until its caller prints it.
    const scope = new Scope(around, null);
    const rest = new Map(named);
    const values = parameters.map((parameter, index) => {
      const value = given[index] === undefined ? rest.get(parameter) : given[index];
      if (given[index] === undefined) rest.delete(parameter);
      return value;
    });
    const explicitCaller = parameters.includes("caller");
    if (special.has("caller") && !explicitCaller) {
      scope.set("caller", orElse(rest.get("caller"), new Undefined("No caller defined")));
      rest.delete("caller");
    }
    const [extra] = rest.keys();
    if (special.has("kwargs") && !parameters.includes("kwargs")) scope.set("kwargs", new Dict(rest));
    else if (extra !== undefined) throw typeError(`macro '${name}' takes no keyword argument '${extra}'`);
    if (special.has("varargs") && !parameters.includes("varargs"))
      scope.set("varargs", new Tuple(given.slice(parameters.length)));
    else if (given.length > parameters.length)
      throw typeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
    parameters.forEach((parameter, index) => {
      const fallback = defaults[index - parameters.length + defaults.length];
      const value = values[index];
      if (value !== undefined) scope.set(parameter, value);
      else if (fallback !== undefined) scope.set(parameter, this.#eval(fallback, scope));
      else scope.set(parameter, new Undefined(`parameter '${parameter}' was not provided`));
    });
    return this.#capture(statements, scope);
  }

  #callBlock(call: Expr, body: Signature, scope: Scope, output: Output): void {
    if (call.kind !== "call") throw typeError("expected call");
    const caller = this.#macro({ kind: "macro", name: "caller", body }, scope);
    const args = this.#arguments(call, scope);
    const named = new Map(args.named).set("caller", caller);
    const value = this.#call(this.#eval(call.callee, scope), { positional: args.positional, named });
    output.write(this.#toText(value), scope.subject);
  }

  #generation(body: readonly Statement[], scope: Scope, output: Output): void {
    // As in transformers, the start is the length of the output of the template as a whole, even if the block is in a
    // macro or a filter block, whose text is not in there yet.
    const start = this.output.length;
    const inner = new Output(this.budget);
    this.#run(body, new Scope(scope), inner);
    const text = inner.toString();
    this.generations.push({ start, end: start + text.length });
    output.write(text, scope.subject);
  }

  #block(block: Extract<Statement, { kind: "block" }>, scope: Scope, output: Output): void {
    if (block.required) throw new TemplateError("TemplateRuntimeError", `Required block '${block.name}' not found`);
    // A block sees the variables of the template as a whole, and only a scoped one those around it.
    this.#run(block.body, new Scope(block.scoped ? scope : this.#root, scope.subject), output);
  }

  // Expressions

  #eval(expr: Expr, scope: Scope): Value {
    this.budget.spend();
    switch (expr.kind) {
      case "const":
        return expr.value;
      case "name": {
        const value = scope.get(expr.name);
        return value === undefined ? new Undefined(`'${expr.name}' is undefined`) : value;
      }
      default:
        break;
    }
    this.budget.enter();
    const value = this.#compound(expr, scope);
    this.budget.leave();
    return value;
  }

  #compound(expr: Exclude<Expr, { kind: "const" | "name" }>, scope: Scope): Value {
    switch (expr.kind) {
      case "attribute":
        if (expr.object.kind === "name" && expr.object.name === "self" && this.#blocks.has(expr.name))
          return this.#blockReference(expr.name);
        return getAttribute(this.#eval(expr.object, scope), expr.name, this.budget);
      case "item":
        return getItem(this.#eval(expr.object, scope), this.#eval(expr.key, scope), this.budget);
      case "slice":
        return this.#slice(expr, scope);
      case "call":
        return this.#call(this.#eval(expr.callee, scope), this.#arguments(expr, scope));
      case "filter":
        return this.#filters(expr, scope, undefined);
      case "test":
        return this.test(expr.name, this.#eval(expr.value, scope), this.#arguments(expr, scope));
      case "binary": {
        const left = this.#eval(expr.left, scope);
        return binary(expr.operator, left, this.#eval(expr.right, scope), this.budget);
      }
      case "compare":
        return this.#compare(expr, scope);
      case "and": {
        const left = this.#eval(expr.left, scope);
        return truth(left) ? this.#eval(expr.right, scope) : left;
      }
      case "or": {
        const left = this.#eval(expr.left, scope);
        return truth(left) ? left : this.#eval(expr.right, scope);
      }
      case "not":
        return !truth(this.#eval(expr.operand, scope));
      case "negative":
        return negate(this.#eval(expr.operand, scope));
      case "positive":
        return positive(this.#eval(expr.operand, scope));
      case "if":
        if (truth(this.#eval(expr.test, scope))) return this.#eval(expr.consequent, scope);
        if (expr.alternate !== undefined) return this.#eval(expr.alternate, scope);
        return new Undefined("the inline if-expression evaluated to false and no else section was defined.");
      case "list":
        return expr.items.map((item) => this.#eval(item, scope));
      case "tuple":
        return new Tuple(expr.items.map((item) => this.#eval(item, scope)));
      case "dict":
        return new Dict(
          expr.entries.map(([key, value]): [Value, Value] => [this.#eval(key, scope), this.#eval(value, scope)]),
        );
      case "concat":
        return this.#concat(expr.items.map((item) => this.#eval(item, scope)));
    }
  }

  #slice(expr: Extract<Expr, { kind: "slice" }>, scope: Scope): Value {
    // `value[1:2, 3]` has a slice inside a key, and no value of a template supports such a subscript.
    if (expr.object === undefined) return new OneShot([][Symbol.iterator](), "slice");
    const object = this.#eval(expr.object, scope);
    const [start, stop, step] = [expr.start, expr.stop, expr.step].map((bound) =>
      bound === undefined ? null : this.#eval(bound, scope),
    );
    return slice(object, start ?? null, stop ?? null, step ?? null, this.budget);
  }

  #concat(values: readonly Value[]): Value {
    if (!this.autoescape)
      return joinText(
        values.map((value) => str(value, this.budget)),
        "",
        this.budget,
      );
    const parts = values.map((value) => (value instanceof Markup ? value : str(value, this.budget)));
    if (!parts.some((part) => part instanceof Markup)) return joinText(parts as string[], "", this.budget);
    return new Markup(
      joinText(
        parts.map((part) => escapeHtml(part, this.budget).text),
        "",
        this.budget,
      ),
    );
  }

  #compare({ first, rest }: Extract<Expr, { kind: "compare" }>, scope: Scope): boolean {
    let left = this.#eval(first, scope);
    for (const { operator, right: expr } of rest) {
      const right = this.#eval(expr, scope);
      if (!this.#holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #holds(operator: Extract<Expr, { kind: "compare" }>["rest"][number]["operator"], left: Value, right: Value): boolean {
    switch (operator) {
      case "==":
        return equals(left, right, this.budget);
      case "!=":
        return !equals(left, right, this.budget);
      case "in":
        return contains(right, left, this.budget);
      case "not in":
        return !contains(right, left, this.budget);
      case "<":
        return compare(left, right, operator, this.budget) < 0;
      case "<=":
        return compare(left, right, operator, this.budget) <= 0;
      case ">":
        return compare(left, right, operator, this.budget) > 0;
      case ">=":
        return compare(left, right, operator, this.budget) >= 0;
    }
  }

  #filters(expr: FilterExpr, scope: Scope, text: Value | undefined): Value {
    const inner = expr.value;
    let value: Value;
    if (inner === undefined) value = orElse(text, "");
    else
      value =
        text !== undefined && inner.kind === "filter" ? this.#filters(inner, scope, text) : this.#eval(inner, scope);
    return this.filter(expr.name, value, this.#arguments(expr, scope));
  }

  #arguments({ args, kwargs, spread, namedSpread }: CallArguments, scope: Scope): Arguments {
    const positional = args.map((arg) => this.#eval(arg, scope));
    const named = new Map<string, Value>();
    if (spread !== undefined) for (const item of iterate(this.#eval(spread, scope), this.budget)) positional.push(item);
    for (const [name, value] of kwargs) named.set(name, this.#eval(value, scope));
    if (namedSpread !== undefined) {
      const more = this.#eval(namedSpread, scope);
      if (!(more instanceof Dict)) throw typeError("argument after ** must be a mapping");
      for (const [key, value] of more.entries()) {
        const name = asText(key);
        if (name === undefined) throw typeError("keywords must be strings");
        if (named.has(name)) throw typeError(`got multiple values for keyword argument '${name}'`);
        named.set(name, value);
      }
    }
    return { positional, named };
  }

  #call(callee: Value, args: Arguments): Value {
    if (callee instanceof Callable) return callee.call(args);
    if (callee instanceof Record && callee.call !== undefined) return callee.call(args);
    if (callee instanceof Undefined) throw new TemplateError(callee.kind, callee.message);
    throw typeError(`'${typeName(callee)}' object is not callable`);
  }

  #blockReference(name: string): Callable {
    const block = this.#blocks.get(name) as Extract<Statement, { kind: "block" }>;
    return new Callable(name, () => this.#capture(block.body, new Scope(this.#root)), new Map(), "BlockReference");
  }
}

function isSum(expr: Expr): boolean {
  return (expr.kind === "binary" && expr.operator === "+") || expr.kind === "concat";
}

/** Returns the terms of a sum, from the left, and whether each is joined by `~`. */
function termsOf(expr: Expr): { expr: Expr; concat: boolean }[] {
  if (expr.kind === "concat") return expr.items.map((item) => ({ expr: item, concat: true }));
  const terms: { expr: Expr; concat: boolean }[] = [];
  let left = expr;
  while (left.kind === "binary" && left.operator === "+") {
    terms.push({ expr: left.right, concat: false });
    left = left.left;
  }
  terms.push({ expr: left, concat: false });
  return terms.reverse();
}
