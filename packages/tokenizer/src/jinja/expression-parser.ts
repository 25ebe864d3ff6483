/** Parses tokens to expressions, with Jinja's precedence: filters bind before arithmetic, tests before `not`. */

import type { CallArguments, Comparison, Expr, FilterExpr, SliceExpr, Target } from "./ast.js";
import { type Token, type TokenType, tokenize } from "./lexer.js";
import { TemplateError } from "./template-error.js";

/** Maximum nesting of brackets and tags, and maximum chain of operators. Python's compiler gives up earlier. */
const MAX_NESTING = 200;
const MAX_CHAIN = 400;
const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">="]);
const NO_ARGUMENTS: CallArguments = { args: [], kwargs: [], spread: undefined, namedSpread: undefined };

interface TupleOptions {
  /** Whether to parse `a if b else c`. */
  readonly conditional?: boolean;
  /** A name that ends the tuple. */
  readonly end?: string;
  /** Whether empty brackets are a tuple. */
  readonly bracketed?: boolean;
}

export class ExpressionParser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(template: string) {
    this.#tokens = tokenize(template);
  }

  protected get current(): Token {
    return this.#tokens[this.#at] as Token;
  }

  protected next(): Token {
    const token = this.current;
    if (token.type !== "eof") this.#at += 1;
    return token;
  }

  protected fail(message: string): never {
    throw new TemplateError("TemplateSyntaxError", `${message} (line ${this.current.line})`);
  }

  /** Parses something that may nest. */
  protected nested<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING) this.fail("too many levels of nesting");
    const result = read();
    this.#depth -= 1;
    return result;
  }

  protected is(operator: string): boolean {
    return this.current.type === "operator" && this.current.value === operator;
  }

  protected isName(name: string): boolean {
    return this.current.type === "name" && this.current.value === name;
  }

  protected skip(operator: string): boolean {
    if (!this.is(operator)) return false;
    this.#at += 1;
    return true;
  }

  protected skipName(name: string): boolean {
    if (!this.isName(name)) return false;
    this.#at += 1;
    return true;
  }

  protected expect(operator: string): void {
    if (!this.skip(operator)) this.fail(`expected token '${operator}', got '${this.#describe()}'`);
  }

  protected expectName(name: string): void {
    if (!this.skipName(name)) this.fail(`expected token '${name}', got '${this.#describe()}'`);
  }

  protected expectType(type: TokenType): Token {
    if (this.current.type !== type) this.fail(`expected token '${type}', got '${this.#describe()}'`);
    return this.next();
  }

  #describe(): string {
    const { type, value } = this.current;
    return type === "name" || type === "operator" ? String(value) : type;
  }

  /** Parses an expression, or several with commas between them, which form a tuple. */
  protected tuple({ conditional = true, end, bracketed = false }: TupleOptions = {}): Expr {
    const items: Expr[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.expect(",");
      if (this.#endsTuple(end)) break;
      items.push(conditional ? this.expression() : this.nested(() => this.#or()));
      if (!this.is(",")) break;
      isTuple = true;
    }
    const [only] = items;
    if (!isTuple && only !== undefined) return only;
    if (!isTuple && !bracketed) this.fail(`Expected an expression, got '${this.#describe()}'`);
    return { kind: "tuple", items };
  }

  #endsTuple(end: string | undefined): boolean {
    const { type } = this.current;
    return type === "variable_end" || type === "block_end" || this.is(")") || (end !== undefined && this.isName(end));
  }

  protected targetName(): string {
    const name = this.expectType("name").value as string;
    if (isConstant(name)) this.fail(`can't assign to '${name}'`);
    return name;
  }

  /** Parses the target of `for` or `set`: a name, `namespace.name` if allowed, or several. */
  protected target({ end, namespaces = false }: { end?: string; namespaces?: boolean }): Target {
    const items: Target[] = [];
    let several = false;
    for (;;) {
      if (items.length > 0) this.expect(",");
      if (this.#endsTuple(end)) break;
      items.push(this.#oneTarget(namespaces));
      if (!this.is(",")) break;
      several = true;
    }
    const [only] = items;
    if (only === undefined) this.fail(`Expected an expression, got '${this.#describe()}'`);
    return several ? { kind: "targets", items } : only;
  }

  #oneTarget(namespaces: boolean): Target {
    if (this.skip("(")) {
      const target = this.nested(() =>
        this.is(")") ? this.fail("can't assign to an empty tuple") : this.target({ namespaces }),
      );
      this.expect(")");
      return target;
    }
    const name = this.targetName();
    if (!namespaces || !this.skip(".")) return { kind: "name", name };
    return { kind: "namespace", name, attribute: this.expectType("name").value as string };
  }

  protected expression(): Expr {
    return this.nested(() => {
      let expr = this.#or();
      for (let count = 0; this.skipName("if"); count++) {
        this.#limit(count);
        const test = this.#or();
        const alternate = this.skipName("else") ? this.expression() : undefined;
        expr = { kind: "if", test, consequent: expr, alternate };
      }
      return expr;
    });
  }

  #limit(count: number): void {
    if (count > MAX_CHAIN) this.fail("too many operators in a row");
  }

  #or(): Expr {
    let left = this.#and();
    for (let count = 0; this.skipName("or"); count++) {
      this.#limit(count);
      left = { kind: "or", left, right: this.#and() };
    }
    return left;
  }

  #and(): Expr {
    let left = this.#not();
    for (let count = 0; this.skipName("and"); count++) {
      this.#limit(count);
      left = { kind: "and", left, right: this.#not() };
    }
    return left;
  }

  #not(): Expr {
    if (!this.skipName("not")) return this.#compare();
    return { kind: "not", operand: this.nested(() => this.#not()) };
  }

  #compare(): Expr {
    const first = this.#sum();
    const rest: Comparison[] = [];
    for (;;) {
      const operator = this.#comparison();
      if (operator === undefined) return rest.length === 0 ? first : { kind: "compare", first, rest };
      rest.push({ operator, right: this.#sum() });
    }
  }

  #comparison(): Comparison["operator"] | undefined {
    const { type, value } = this.current;
    if (type === "operator" && COMPARISONS.has(value as string)) return this.next().value as Comparison["operator"];
    if (this.skipName("in")) return "in";
    const after = this.#tokens[this.#at + 1];
    if (!this.isName("not") || after?.type !== "name" || after.value !== "in") return undefined;
    this.#at += 2;
    return "not in";
  }

  #binary(operators: readonly ("+" | "-" | "*" | "/" | "//" | "%" | "**")[], operand: () => Expr): Expr {
    let left = operand();
    for (let count = 0; ; count++) {
      const operator = operators.find((candidate) => this.skip(candidate));
      if (operator === undefined) return left;
      this.#limit(count);
      left = { kind: "binary", operator, left, right: operand() };
    }
  }

  #sum(): Expr {
    return this.#binary(["+", "-"], () => this.#concat());
  }

  #concat(): Expr {
    const first = this.#product();
    if (!this.is("~")) return first;
    const items = [first];
    while (this.skip("~")) items.push(this.#product());
    return { kind: "concat", items };
  }

  #product(): Expr {
    // Jinja's `**` is left-associative.
    return this.#binary(["*", "/", "//", "%"], () => this.#binary(["**"], () => this.#unary(true)));
  }

  #unary(withFilter: boolean): Expr {
    let expr: Expr;
    if (this.skip("-")) expr = { kind: "negative", operand: this.nested(() => this.#unary(false)) };
    else if (this.skip("+")) expr = { kind: "positive", operand: this.nested(() => this.#unary(false)) };
    else expr = this.#primary();
    expr = this.#postfix(expr);
    return withFilter ? this.#filtersAndTests(expr) : expr;
  }

  #primary(): Expr {
    const { type, value } = this.current;
    if (type === "name") {
      const name = this.next().value as string;
      if (!isConstant(name)) return { kind: "name", name };
      return { kind: "const", value: /none/i.test(name) ? null : /true/i.test(name) };
    }
    if (type === "number") {
      this.next();
      return { kind: "const", value };
    }
    if (type === "string") {
      let text = "";
      while (this.current.type === "string") text += this.next().value as string;
      return { kind: "const", value: text };
    }
    if (this.skip("(")) {
      const expr = this.tuple({ bracketed: true });
      this.expect(")");
      return expr;
    }
    if (this.skip("[")) return { kind: "list", items: this.#items("]", () => this.expression()) };
    if (this.skip("{")) {
      const entry = (): [Expr, Expr] => {
        const key = this.expression();
        this.expect(":");
        return [key, this.expression()];
      };
      return { kind: "dict", entries: this.#items("}", entry) };
    }
    return this.fail(`unexpected '${this.#describe()}'`);
  }

  #items<T>(close: string, read: () => T): T[] {
    const items: T[] = [];
    while (!this.is(close)) {
      if (items.length > 0) this.expect(",");
      if (this.is(close)) break;
      items.push(read());
    }
    this.expect(close);
    return items;
  }

  #postfix(start: Expr): Expr {
    let expr = start;
    for (let count = 0; ; count++) {
      this.#limit(count);
      if (this.skip(".")) expr = this.#afterDot(expr);
      else if (this.skip("[")) expr = this.#subscript(expr);
      else if (this.is("(")) expr = { kind: "call", callee: expr, ...this.#arguments() };
      else return expr;
    }
  }

  #afterDot(object: Expr): Expr {
    const token = this.next();
    if (token.type === "name") return { kind: "attribute", object, name: token.value as string };
    if (token.type !== "number" || typeof token.value !== "bigint") this.fail("expected name or number");
    return { kind: "item", object, key: { kind: "const", value: token.value } };
  }

  #subscript(object: Expr): Expr {
    const keys: Expr[] = [];
    while (!this.is("]")) {
      if (keys.length > 0) this.expect(",");
      keys.push(this.#key());
    }
    this.expect("]");
    const [only] = keys;
    if (keys.length !== 1 || only === undefined) return { kind: "item", object, key: { kind: "tuple", items: keys } };
    return only.kind === "slice" && only.object === undefined
      ? { ...only, object }
      : { kind: "item", object, key: only };
  }

  #key(): Expr {
    const bound = () => (this.is(":") || this.is("]") || this.is(",") ? undefined : this.expression());
    const start = bound();
    if (!this.skip(":")) return start ?? this.fail(`unexpected '${this.#describe()}'`);
    const stop = bound();
    const step = this.skip(":") ? bound() : undefined;
    const slice: SliceExpr = { kind: "slice", object: undefined, start, stop, step };
    return slice;
  }

  #arguments(): CallArguments {
    const args: Expr[] = [];
    const kwargs: [string, Expr][] = [];
    let spread: Expr | undefined;
    let namedSpread: Expr | undefined;
    const ensure = (valid: boolean) => valid || this.fail("invalid syntax for function call expression");
    this.expect("(");
    for (let first = true; !this.is(")"); first = false) {
      if (!first) {
        this.expect(",");
        if (this.is(")")) break;
      }
      const after = this.#tokens[this.#at + 1];
      if (this.skip("*")) {
        ensure(spread === undefined && namedSpread === undefined);
        spread = this.expression();
      } else if (this.skip("**")) {
        ensure(namedSpread === undefined);
        namedSpread = this.expression();
      } else if (this.current.type === "name" && after?.type === "operator" && after.value === "=") {
        ensure(namedSpread === undefined);
        const name = this.next().value as string;
        this.next();
        if (kwargs.some(([other]) => other === name)) this.fail(`keyword argument repeated: ${name}`);
        kwargs.push([name, this.expression()]);
      } else {
        ensure(spread === undefined && namedSpread === undefined && kwargs.length === 0);
        args.push(this.expression());
      }
    }
    this.expect(")");
    return { args, kwargs, spread, namedSpread };
  }

  #filtersAndTests(start: Expr): Expr {
    let expr = start;
    for (let count = 0; ; count++) {
      this.#limit(count);
      if (this.is("|")) expr = this.filters(expr) as Expr;
      else if (this.skipName("is")) expr = this.#test(expr);
      else if (this.is("(")) expr = { kind: "call", callee: expr, ...this.#arguments() };
      else return expr;
    }
  }

  /** Parses `| name(args) | name`, as long as there are filters. */
  protected filters(value: Expr | undefined): Expr | undefined {
    let expr = value;
    for (let count = 0; this.skip("|"); count++) {
      this.#limit(count);
      expr = this.#filter(expr);
    }
    return expr;
  }

  /** Parses the filters of a filter block: the first has no bar. */
  protected inlineFilter(): FilterExpr {
    return this.filters(this.#filter(undefined)) as FilterExpr;
  }

  #filter(value: Expr | undefined): FilterExpr {
    const name = this.#dottedName();
    return { kind: "filter", name, value, ...(this.is("(") ? this.#arguments() : NO_ARGUMENTS) };
  }

  #test(value: Expr): Expr {
    const negated = this.skipName("not");
    const name = this.#dottedName();
    let args: CallArguments = NO_ARGUMENTS;
    if (this.is("(")) args = this.#arguments();
    else if (this.#startsArgument()) {
      if (this.isName("is")) this.fail("You cannot chain multiple tests with is");
      args = { ...NO_ARGUMENTS, args: [this.#postfix(this.#primary())] };
    }
    const test: Expr = { kind: "test", name, value, ...args };
    return negated ? { kind: "not", operand: test } : test;
  }

  #startsArgument(): boolean {
    const { type } = this.current;
    if (type === "name") return !["else", "or", "and"].some((name) => this.isName(name));
    return type === "string" || type === "number" || this.is("[") || this.is("{");
  }

  #dottedName(): string {
    let name = this.expectType("name").value as string;
    while (this.skip(".")) name += `.${this.expectType("name").value as string}`;
    return name;
  }
}

function isConstant(name: string): boolean {
  return /^(?:[Tt]rue|[Ff]alse|[Nn]one)$/.test(name);
}
