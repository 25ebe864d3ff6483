/**
 * Parses tokens to the tree of a template: Jinja2 3.1's grammar, with `{% break %}`, `{% continue %}` and `{%
 * generation %}`.
 */

import type { Branch, FilterExpr, Output, Signature, Statement, Target } from "./ast.js";
import { ExpressionParser } from "./expression-parser.js";
import { readsOf } from "./names.js";

export function parse(template: string): Statement[] {
  return new Parser(template).template();
}

class Parser extends ExpressionParser {
  template(): Statement[] {
    return this.statements([]);
  }

  /**
   * Parses statements up to a tag of one of these names, which stays the current token; to the end if there are no
   * names.
   */
  private statements(ends: readonly string[]): Statement[] {
    return this.nested(() => {
      const body: Statement[] = [];
      let output: Output[] = [];
      const flush = () => {
        if (output.length > 0) body.push({ kind: "output", items: output });
        output = [];
      };
      while (this.current.type !== "eof") {
        if (this.current.type === "data") output.push({ kind: "data", text: this.next().value as string });
        else if (this.current.type === "variable_begin") {
          this.next();
          output.push(this.tuple());
          this.expectType("variable_end");
        } else {
          flush();
          this.expectType("block_begin");
          if (ends.some((name) => this.isName(name))) return body;
          body.push(this.statement());
          this.expectType("block_end");
        }
      }
      flush();
      if (ends.length > 0)
        this.fail(`Unexpected end of template. Jinja was looking for the following tags: ${ends.join(", ")}`);
      return body;
    });
  }

  /** Parses the body of a tag, starting at the tag's end. */
  private body(...ends: readonly string[]): Statement[] {
    this.skip(":");
    this.expectType("block_end");
    return this.statements(ends);
  }

  /** Parses a body and its closing tag. */
  private closedBody(end: string): Statement[] {
    const body = this.body(end);
    this.next();
    return body;
  }

  private statement(): Statement {
    if (this.current.type !== "name") this.fail("tag name expected");
    const tag = this.next().value as string;
    switch (tag) {
      case "for":
        return this.forLoop();
      case "if":
        return this.branches();
      case "set":
        return this.assignment();
      case "macro":
        return this.macro();
      case "call":
        return this.callBlock();
      case "filter": {
        const filter = this.inlineFilter();
        return { kind: "filter block", filter, body: this.closedBody("endfilter") };
      }
      case "with":
        return this.withBlock();
      case "block":
        return this.block();
      case "autoescape":
        return { kind: "autoescape", value: this.expression(), body: this.closedBody("endautoescape") };
      case "print":
        return this.print();
      case "generation":
        return { kind: "generation", body: this.closedBody("endgeneration") };
      case "break":
      case "continue":
        return { kind: tag };
      case "include":
      case "import":
      case "from":
      case "extends":
        return this.load(tag);
      default:
        return this.fail(`Encountered unknown tag '${tag}'`);
    }
  }

  private forLoop(): Statement {
    const target = this.target({ end: "in" });
    this.expectName("in");
    const items = this.tuple({ conditional: false, end: "recursive" });
    const filter = this.skipName("if") ? this.expression() : undefined;
    const recursive = this.skipName("recursive");
    const body = this.body("endfor", "else");
    const otherwise = this.next().value === "else" ? this.closedBody("endfor") : [];
    return { kind: "for", target, items, filter, recursive, body, otherwise };
  }

  private branches(): Statement {
    const branches: Branch[] = [];
    for (;;) {
      const test = this.tuple({ conditional: false });
      branches.push({ test, body: this.body("elif", "else", "endif") });
      const tag = this.next().value;
      if (tag === "elif") continue;
      return { kind: "branches", branches, otherwise: tag === "else" ? this.closedBody("endif") : [] };
    }
  }

  private assignment(): Statement {
    const target = this.target({ namespaces: true });
    if (this.skip("=")) return { kind: "set", target, value: this.tuple() };
    const filter = this.filters(undefined) as FilterExpr | undefined;
    return { kind: "set block", target, filter, body: this.closedBody("endset") };
  }

  private macro(): Statement {
    const name = this.targetName();
    return { kind: "macro", name, body: this.signed(this.parameters(), () => this.closedBody("endmacro")) };
  }

  private callBlock(): Statement {
    const parameters = this.is("(") ? this.parameters() : { parameters: [], defaults: [] };
    const call = this.expression();
    if (call.kind !== "call") this.fail("expected call");
    return { kind: "call block", call, body: this.signed(parameters, () => this.closedBody("endcall")) };
  }

  private parameters(): Pick<Signature, "parameters" | "defaults"> {
    const parameters: string[] = [];
    const defaults: Signature["defaults"][number][] = [];
    this.expect("(");
    while (!this.is(")")) {
      if (parameters.length > 0) this.expect(",");
      const name = this.targetName();
      if (parameters.includes(name)) this.fail(`duplicate argument '${name}'`);
      parameters.push(name);
      if (this.skip("=")) defaults.push(this.expression());
      else if (defaults.length > 0) this.fail("non-default argument follows default argument");
    }
    this.expect(")");
    return { parameters, defaults };
  }

  private signed(parameters: Pick<Signature, "parameters" | "defaults">, read: () => Statement[]): Signature {
    const statements = read();
    const special = readsOf(statements, ["caller", "kwargs", "varargs"]);
    const position = parameters.parameters.indexOf("caller");
    if (
      position !== -1 &&
      special.has("caller") &&
      position < parameters.parameters.length - parameters.defaults.length
    ) {
      this.fail('the special "caller" argument of a macro must be omitted or be given a default');
    }
    return { ...parameters, statements, special };
  }

  private withBlock(): Statement {
    const assignments: (readonly [Target, ReturnType<Parser["expression"]>])[] = [];
    while (this.current.type !== "block_end") {
      if (assignments.length > 0) this.expect(",");
      const target = this.target({});
      this.expect("=");
      assignments.push([target, this.expression()]);
    }
    return { kind: "with", assignments, body: this.closedBody("endwith") };
  }

  private block(): Statement {
    const name = this.expectType("name").value as string;
    const scoped = this.skipName("scoped");
    const required = this.skipName("required");
    const body = this.closedBody("endblock");
    this.skipName(name);
    const blank = (item: Output) => item.kind === "data" && /^\s+$/.test(item.text);
    if (required && !body.every((part) => part.kind === "output" && part.items.every(blank))) {
      this.fail("Required blocks can only contain comments or whitespace");
    }
    return { kind: "block", name, scoped, required, body };
  }

  private print(): Statement {
    const items: Output[] = [];
    while (this.current.type !== "block_end") {
      if (items.length > 0) this.expect(",");
      items.push(this.expression());
    }
    return { kind: "output", items };
  }

  /** Parses a tag that loads another template. Chat templates have no loader, so it fails when it is reached. */
  private load(tag: string): Statement {
    while (this.current.type !== "block_end") {
      if (this.current.type === "eof") this.fail("unexpected end of template");
      this.next();
    }
    return { kind: "load", tag };
  }
}
