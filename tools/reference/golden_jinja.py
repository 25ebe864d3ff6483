"""Small Jinja templates, made at random from a seed, and what Jinja2's sandbox as transformers sets it up makes of them.

Writes packages/tokenizer/test/__fixtures__/jinja.json.gz: [template, text or null for an error, …]. Covers each method of str, list,
tuple and dict, each filter and each test, with arguments, and the statements.
"""
import gzip, json, os, random, re, sys
from transformers.utils import chat_template_utils as templates

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packages/tokenizer/test/__fixtures__/jinja.json.gz")
SEED, COUNT = 9, 6000
STRINGS = ["''", "'a'", "'abc'", "'aXbXc'", "'  two words\\n'", "'Hello, World'", "'\\n\\tx\\n'", "'é😀ß'", "'ǆ ﬁ Σας'", "'a-b_c.d'", "'12'", "'-3.5e2'", "'0x1f'", "'<b>&\"x\"</b>'", "\"it's\"", "'line1\\nline2\\r\\nline3'", "'%s %d'", "'{} {x}'", "'a,b,,c'", "'x' * 30", "'The quick brown-fox jumps over it'", "'\\u2028 \\x85 \\u00a0'", "'1_000'", "'TRUE'", "'see http://ex.com/a?b=c, or me@ex.org.'"]
NUMBERS = ["0", "1", "-1", "2", "3", "7", "10", "-13", "255", "1.0", "0.5", "-2.5", "3.14159", "1e16", "1e-7", "2.675", "12345678901234567890", "true", "false", "1e22", "0.1"]
LISTS = ["[]", "[1, 2, 3]", "[3, 1, 2.0, 1]", "['b', 'A', 'a', 'C']", "['x', 'y']", "[[1, 'z'], [0, 'w']]", "[none, 1, 'a', true]", "[{'a': 1, 'b': 'x'}, {'a': 2, 'b': 'Y'}, {'a': 1, 'b': 'z'}]", "[{'n': {'m': 3}}, {'n': {'m': 1}}]", "[0, '', [], 'k', 5]", "('p', 'q', 'r')", "()", "(1,)", "range(5)", "range(2, 9, 3)", "[1.5, 2, -3]", "'abc' | list", "[undefinedname, 1]"]
DICTS = ["{}", "{'a': 1}", "{'b': 2, 'a': [1, none], 'C': 'x'}", "{'items': 5, 'k': {'z': true}}", "{1: 'one', 2.5: 'f', none: 'n', true: 't'}", "{'x y': '<&>', 'n': none}"]
OTHERS = ["none", "missing", "namespace(a=1, b='x')", "missing2"]
SMALL = ["0", "1", "2", "3", "5", "-1", "-2", "10"]
CHARS = ["'x'", "' '", "'\\n'", "'a'", "'ab'", "''", "', '", "'X'", "'-'", "none"]
METHODS = dict(capitalize=0, casefold=0, lower=0, upper=0, title=0, swapcase=0, strip=-1, lstrip=-1, rstrip=-1, split=-2, rsplit=-2, splitlines=-9, replace=3, startswith=1, endswith=1, find=-3, rfind=-3, index=-3, rindex=-3, count=-3, join=-4, partition=1, rpartition=1, removeprefix=1, removesuffix=1, center=-5, ljust=-5, rjust=-5, zfill=-6, expandtabs=-7, isalnum=0, isalpha=0, isascii=0, isdecimal=0, isdigit=0, isidentifier=0, islower=0, isnumeric=0, isprintable=0, isspace=0, istitle=0, isupper=0, format=-8, encode2=0)
FILTERS = "abs attr batch capitalize center count d default dictsort e escape filesizeformat first float forceescape format groupby indent int items join last length list lower map max min reject rejectattr replace reverse round safe select selectattr slice sort string striptags sum title tojson trim truncate unique upper urlencode urlize wordcount wordwrap xmlattr".split()
BLOCK_FILTERS = ["upper", "trim", "indent(2)", "replace('a', 'b')", "title | reverse"]
TESTS = "boolean callable defined divisibleby eq equalto escaped even false filter float ge gt greaterthan in integer iterable le lessthan lower lt mapping ne none number odd sameas sequence string test true undefined upper".split()


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *lists):
        return self.r.choice(self.r.choice(lists))

    def atom(self):
        return self.pick(STRINGS, STRINGS, NUMBERS, LISTS, DICTS, OTHERS)

    def value(self, depth=1):
        r = self.r.random()
        if depth <= 0 or r < 0.3:
            return self.atom()
        if r < 0.5:
            return self.method(depth - 1)
        if r < 0.75:
            return self.filter(depth - 1)
        if r < 0.85:
            return self.operator(depth - 1)
        if r < 0.92:
            key = self.subscript()
            # Jinja's compiler has a rule of its own for slices of constants that cannot be sliced.
            return f"({self.pick(STRINGS, LISTS) if ':' in key else self.value(depth - 1)})[{key}]"
        return f"({self.value(depth - 1)} is {self.r.choice(['', 'not '])}{self.test()})"

    def subscript(self):
        s = lambda: self.r.choice(["", *SMALL])
        return self.r.choice([self.r.choice(SMALL), f"{s()}:{s()}", f"{s()}:{s()}:{self.r.choice(['', '1', '2', '-1', '-2'])}", "'a'", "'items'", "0"])

    def method(self, depth):
        if self.r.random() < 0.25:
            name, args = self.r.choice([("items", ""), ("keys", ""), ("values", ""), ("get", "'a'"), ("get", "'q', 7"), ("get", "none"), ("copy", ""), ("update", "{}"), ("pop", "'a'"), ("append", "1"), ("index", "1"), ("count", "1"), ("index", "'x'"), ("insert", "0, 1"), ("a", None), ("b", None), ("items", None), ("k", None), ("nothing", None)])
            target = self.pick(LISTS, DICTS, DICTS, OTHERS)
            return f"({target}).{name}" + ("" if args is None else f"({args})") + self.r.choice(["", " | list | string" if args is not None else ""])
        name, kind = self.r.choice(list(METHODS.items()))
        c, n = (lambda: self.r.choice(CHARS)), (lambda: self.r.choice(SMALL))
        args = {0: [""], -1: ["", c()], -2: ["", c(), f"{c()}, {n()}", f"maxsplit={n()}"], 3: [f"{c()}, {c()}", f"{c()}, {c()}, {n()}"], 1: [c(), f"({c()}, {c()})"], -3: [c(), f"{c()}, {n()}", f"{c()}, {n()}, {n()}"],
                -4: [self.r.choice(LISTS)], -5: [self.r.choice(["5", "12", "0"]), f"{self.r.choice(['9', '6'])}, '*'", "9, 'ab'"], -6: ["5", "0", "12"], -7: ["", "4"], -8: ["", "1, x=2", "'a', x=1.5", "x='<'"], -9: ["", "true", "keepends=true"]}[kind]
        return f"({self.r.choice(STRINGS) if self.r.random() < 0.9 else self.value(depth)}).{name}({self.r.choice(args)})"

    def filter(self, depth):
        name = self.r.choice(FILTERS)
        n, c = self.r.choice(SMALL), self.r.choice(CHARS)
        table = dict(attr=["'a'", "'items'", "'upper'"], batch=["2", "3, 'f'", "linecount=2"], center=["", "9"], d=["", "'z'", "'z', true", "none, boolean=true"], default=["'z'", "0, true", "default_value=1"],
            dictsort=["", "true", "false, 'value'", "reverse=true", "by='value'"], filesizeformat=["", "true"], float=["", "9.5"], format=["", "1", "'a', 3", "x=1"], groupby=["'a'", "'a', default=9", "'b', case_sensitive=true", "attribute='n.m'"],
            indent=["", "2", "2, true", "'> ', first=true", "3, false, true"], int=["", "7", "base=16", "0, 8", "default=none"], join=["", "', '", "'-', attribute='a'", "d='<'"], map=["'upper'", "'string'", "attribute='a'", "attribute='a', default='d'", "'default', 'x'", "'replace', 'a', 'b'", "'nofilter'", "attribute='n.m'", "'tojson'", "'trim', 'x'"],
            max=["", "attribute='a'", "true"], min=["", "attribute='a'", "case_sensitive=true"], reject=["", "'odd'", "'in', [1, 'a']", "'equalto', 1", "'none'", "'string'"], select=["", "'even'", "'in', 'abc'", "'gt', 1", "'defined'", "'mapping'", "'divisibleby', 2"],
            rejectattr=["'a'", "'a', 'eq', 1", "'b', 'upper'", "'n.m', 'odd'"], selectattr=["'a'", "'a', 'gt', 1", "'b', 'defined'", "'q'", "'b', 'in', ['x']"], replace=["'a', 'b'", "'x', '', 1", "'', '-'"], round=["", "1", "2, 'floor'", "0, 'ceil'", "-1", "method='floor'"],
            slice=["2", "3, 'f'"], sort=["", "true", "attribute='a'", "reverse=true, attribute='b'", "case_sensitive=true", "attribute='a,b'"], sum=["", "attribute='a'", "start=5", "'a', 1.5"], tojson=["", "indent=2", "ensure_ascii=true", "sort_keys=true", "separators=(',', ':')", "2", "indent=0"],
            trim=["", "'x'", "' a'"], truncate=["5", "8, true", "6, false, '..'", "5, true, '', 0", "length=3"], unique=["", "true", "attribute='a'"], urlize=["", "5", "nofollow=true", "target='_x'", "rel='me', extra_schemes=['me:']"], wordwrap=["5", "9, false", "6, true, '|'", "width=4, break_on_hyphens=false"], xmlattr=["", "false"])
        args = self.r.choice(table.get(name, [""]))
        source = self.pick(LISTS, LISTS, DICTS) if name in ("map", "select", "selectattr", "reject", "rejectattr", "groupby", "sort", "unique", "batch", "slice", "sum", "dictsort", "join", "xmlattr") and self.r.random() < 0.8 else self.value(depth)
        tail = " | list" if name in ("map", "select", "selectattr", "reject", "rejectattr", "unique", "batch", "slice", "reverse", "items") else ""
        return f"({source}) | {name}" + (f"({args})" if args else "") + tail

    def test(self):
        name = self.r.choice(TESTS)
        argument = dict(divisibleby="3", eq="1", equalto="'a'", ge="2", gt="0", greaterthan="1", le="2", lessthan="3", lt="'b'", ne="none", sameas="none")
        if name == "in":
            return f"in {self.pick(LISTS, DICTS, STRINGS)}"
        return f"{name}({argument[name]})" if name in argument else name

    def operator(self, depth):
        a, b = self.value(depth), self.value(depth)
        if self.r.random() < 0.5:
            a, b = self.r.choice(NUMBERS), self.r.choice(NUMBERS)
        op = self.r.choice("+ - * / // % ** ~ == != < <= > >= and or in".split() + ["not in"])
        if op == "**":
            a, b = self.r.choice(NUMBERS[:12]), self.r.choice(SMALL)
        if op == "*":
            b = self.r.choice(SMALL + ["2.5"])
        if self.r.random() < 0.1:
            return f"({a}) {op} ({b}) < ({self.r.choice(NUMBERS)})"
        return f"({a}) {op} ({b})"

    def expression(self):
        return "{{ " + self.value(2) + " }}"

    def statement(self):
        v, s = self.value(1), self.r.choice(LISTS + DICTS)
        ws = lambda t: re.sub(r"\{%", lambda m: self.r.choice(["{%", "{%", "{%-", "{%+"]), re.sub(r"%\}", lambda m: self.r.choice(["%}", "%}", "-%}", "+%}"]), t))
        return ws(self.r.choice([
            f"a\n  {{% for x in {s} %}}\n [{{{{ x }}}}|{{{{ loop.index }}}}/{{{{ loop.length }}}} {{{{ loop.previtem }}}} {{{{ loop.nextitem }}}} {{{{ loop.cycle('o', 'e') }}}}]\n  {{% else %}} none\n{{% endfor %}}\nz\n",
            f"{{% for x in {s} if x %}}{{{{ loop.first }}}}{{{{ x }}}}{{{{ loop.last }}}}{{{{ loop.revindex }}}},{{% endfor %}}",
            f"{{% for x in {s} %}}{{% if loop.index > 2 %}}{{% break %}}{{% elif x == 1 %}}{{% continue %}}{{% endif %}}{{{{ x }}}};{{% endfor %}}",
            f"{{% set x = {v} %}}\n\n{{{{ x }}}}\n",
            f"{{% set x %}}  {{{{ {v} }}}}\n{{% endset %}}[{{{{ x }}}}]{{% set x | upper %}}y{{{{ x }}}}{{% endset %}}{{{{ x }}}}",
            f"{{% macro m(a, b=2, c='x') %}}({{{{ a }}}},{{{{ b }}}},{{{{ c }}}},{{{{ varargs }}}},{{{{ kwargs }}}}){{% endmacro %}}{{{{ m({v}) }}}}{{{{ m(1, c={v}) }}}}{{{{ m(1, 2, 3, 4, z=5) }}}}",
            f"{{% macro m(a) %}}<{{{{ caller(a, 1) }}}}>{{% endmacro %}}{{% call(p, q=3) m({v}) %}}{{{{ p }}}}{{{{ q }}}}{{% endcall %}}",
            f"{{% filter {self.r.choice(BLOCK_FILTERS)} %}} a{{{{ {v} }}}}\n b{{% endfilter %}}",
            f"{{% with a = {v}, b = 2 %}}{{{{ a }}}}{{{{ b }}}}{{% endwith %}}{{{{ a }}}}",
            f"{{% set ns = namespace(n=0) %}}{{% for x in {s} %}}{{% set ns.n = ns.n + 1 %}}{{% set y = x %}}{{% endfor %}}{{{{ ns.n }}}}{{{{ y }}}}{{{{ ns }}}}",
            f"  {{# comment {{{{ x }}}} #}}\n  {{% raw %}}{{{{ raw }}}}{{% endraw %}}\n{{% if {v} %}}yes{{% else %}}no{{% endif %}}\n",
            f"{{% for a, b in {self.r.choice(['{1: 2, 3: 4}.items()', '[[1, 2], [3, 4]]', '[(1, 2)]', '[[1]]', '{0: 1} | items'])} %}}{{{{ a }}}}={{{{ b }}}};{{% endfor %}}",
            f"{{% for x in [1, [2, [3]]] recursive %}}{{{{ loop(x) if x is iterable else x }}}}{{{{ loop.depth }}}};{{% endfor %}}",
            f"{{% block b %}}B{{{{ {v} }}}}{{% endblock %}}{{{{ self.b() }}}}",
            f"{{% generation %}}{{{{ {v} }}}}{{% endgeneration %}}\n",
            f"{{% for x in {s} %}}{{{{ loop.changed(x) }}}}{{% set loopvar = x %}}{{{{ loopvar }}}}{{% endfor %}}{{{{ loopvar is defined }}}}",
            f"{{{{- {v} -}}}}\n  x  {{{{ 1 if {v} }}}}  {{{{- 2 }}}}",
            f"{{% autoescape true %}}{{{{ {v} }}}}{{{{ '<' | safe }}}}{{% endautoescape %}}",
        ]))


WORDS = ["a", "long", "words", "'quoted'", '"both" \'q\'', "éü😀", "line\nbreak ", "tab\t", "日本語", "  ", "x" * 30, "and\r\nmore\x85"]


def pretty_values(r, count):
    """Nested values that take several lines in `pprint`, as literals of a template."""

    def text():
        return json.dumps(" ".join(r.choice(WORDS) for _ in range(r.randrange(30))), ensure_ascii=False)

    def value(depth):
        kind = r.randrange(9 if depth > 0 else 5)
        if kind < 2:
            return text()
        if kind < 5:
            return r.choice(["1", "-2.5", "true", "none", "12345678901234567890", "'k'", "[]", "{}", "()", "range(4)", "missing", "('<' | e)"])
        items = [value(depth - 1) for _ in range(r.randrange(6))]
        if kind == 5:
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        if kind == 6:
            return f"[{', '.join(items)}]"
        keys = r.choice([[text() for _ in items], [str(r.randrange(-9, 99)) for _ in items], ["none", "'b'", "1.5", "'a'", "2", "true"]])
        return f"{{{', '.join(f'{key}: {item}' for key, item in zip(keys, items))}}}"

    return [value(3) for _ in range(count)]


def main():
    maker, seen, cases = Maker(SEED), set(), []
    while len(cases) < COUNT:
        template = maker.expression() if maker.r.random() < 0.8 else maker.statement()
        if template in seen:
            continue
        seen.add(template)
        try:
            text = templates._compile_jinja_template(template).render()
        except Exception:
            text = None
        # Addresses differ from run to run; random and very long results say nothing more.
        if text is not None and (re.search(r" at 0x[0-9a-f]+|<(function|class|bound|built-in) |reversed object|Context", text, re.I) or len(text) > 2000):
            continue
        cases.append([template, text])
    cases += [[f"{{{{ {value} | pprint }}}}", None] for value in pretty_values(random.Random(SEED), 300)]
    for case in cases[COUNT:]:
        case[1] = templates._compile_jinja_template(case[0]).render()
    data = json.dumps(cases, ensure_ascii=True, separators=(",", ":")).encode()
    with open(OUT, "wb") as file:
        file.write(gzip.compress(data, 9, mtime=0))
    print(len(cases), "templates,", sum(text is None for _, text in cases), "errors")


if __name__ == "__main__":
    main()
