"""Modern and old syntax in small texts: whoever judges, none of it is called broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.judges.judge import judge

CONSTRUCTS = {
    "python": [
        'names = {"a": "b"}\nprint(f"{names["a"]} and {", ".join(names)}")\n',
        'total = 3\nprint(f"total: {\n    total\n}")\n',
        'x = 1\ny = f"""{\n    x  # why\n}"""\n',
        "x = [1]\ny = f\"{'\\n'.join(x)}\"\n",
        'f"{f"{f"{f"{1}"}"}"}"\n',
        "type Pair[T] = tuple[T, T]\n",
        "def first[T: int](values: list[T]) -> T: ...\n",
        "class Box[T, *Ts, **P]: ...\n",
        "type A[T = int, *Ts = *tuple[int], **P = [int]] = T\n",
        "try: pass\nexcept A, B: pass\n",
        "try: pass\nexcept* A, B: pass\n",
        'name = "x"\npage = t"<p>{name}</p>"\n',
        'page = rt"\\d{1}"\n',
        "lazy import json\nlazy from os import path\n",
        "x = [*each for each in them]\ny = {**d for d in ds}\n",
        "async = 1\ndef f(async=True): pass\n",
        'print "hello"\n',
        "print >>out, 'x', 0777, 10L, ur'a', a <> b, `c`\n",
        "try: pass\nexcept (A, B), e: raise E, 'x'\n",
        "def f(a, (b, c)): exec 'x' in a\n",
        "match x:\n    case {'a': [1, *_], **rest} if rest: pass\n    case A(b=1) | None: pass\n",
        "with (open('a') as a, open('b') as b,): pass\n",
        "def f(*args: *Ts): return x[*Ts]\n",
        "%matplotlib inline\nx = 1\n",
        "{% if cookies %}\nimport a\n{% endif %}\n",
    ],
    "typescript": [
        'import type { Shape } from "./shape";\nexport type * from "./colours";\n',
        "interface Box<in T, out U> { get(): U; set(t: T): void }\n",
        "const a = { b: 1 } satisfies Record<string, number>;\n",
        "class A { accessor x = 1; static { A.y = 2; } declare z: number; }\n",
        "function f<const T extends readonly unknown[]>(x: T): T { return x; }\n",
        "type P = `${string}-${number}`;\nlet x: typeof import('a');\n",
        "using file = open();\nawait using other = open();\n",
        'import data from "./a.json" with { type: "json" };\n',
        "enum A { B = 1 << 2 }\nabstract class C { abstract get d(): string; }\n",
        "function assert(x: unknown): asserts x is string {}\n",
        "let x = <T,>(a: T) => a;\nlet y = a!.b?.[c]!;\n",
        "type F = new (...args: any[]) => object;\nexport = F;\n",
        "import defer * as ns from 'a';\nexport { type A, type B as C } from 'd';\n",
        "@dec() class A { @a @b() c?: string; constructor(private readonly d = 1) { super(); } }\n",
    ],
    "rust": [
        'unsafe extern "C" {\n    pub fn sqrt(x: f64) -> f64;\n    safe fn abs(x: i32) -> i32;\n}\n',
        "fn f() -> impl Fn() + use<> { || () }\n",
        "fn f(x: Option<u8>) -> bool { if let Some(y) = x && y > 1 { true } else { false } }\n",
        "async fn f() { let c = async |x: u8| x; c(1).await; }\n",
        "fn f() { let Some(x) = g() else { return }; }\n",
        "trait A { type B<'a> where Self: 'a; const C: usize = 1; async fn d(); }\n",
        "fn f() { let a = c\"abc\"; let b = br#\"x\"#; let d = '\\u{1f600}'; 'out: loop { break 'out; } }\n",
        "macro_rules! m { ($($x:expr),* $(,)?) => { [$($x),*] }; }\n",
        "#![allow(x)]\nimpl<const N: usize> A<N> { pub(crate) const fn f(self: &Self) {} }\n",
        "fn f(x: u8) { match x { 0..=9 | 20.. => (), n @ 10 => (), _ => unsafe { g(&raw const x) } } }\n",
    ],
    "cpp": [
        "struct Box {\n    int size(this Box& self) { return self.n; }\n    int n = 0;\n};\n",
        "template <typename T> concept C = requires(T t) { { t.f() } -> std::same_as<int>; };\n",
        "auto f(auto x) -> decltype(auto) { if consteval { return x; } return x; }\n",
        "export module m;\nimport std;\nexport int f();\n",
        "auto g = []<typename T>(T t) static noexcept { return t; };\n",
        "auto s = R\"x( ) \" { )x\"; int n = 1'000'000; auto u = 0b1010'1100;\n",
        "struct A { auto operator<=>(const A&) const = default; };\n",
        "int a[3]; auto x = a[0, 1]; [[assume(x > 0)]]; constinit int y = 1;\n",
        "co_return co_await f();\n",
        "template <class... Ts> void f(Ts... ts) { auto [... xs] = g(); (h(ts), ...); }\n",
        '#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n#ifdef __cplusplus\n}\n#endif\n',
    ],
    "c": [
        "constexpr int n = 0b11'01;\nauto x = nullptr;\n",
        "[[nodiscard]] int f(typeof(1) a, ...);\n",
        'static const unsigned char a[] = {\n#embed "a.bin"\n};\n',
        "int f(int n, int a[static n]) { switch (n) { case 1: ; [[fallthrough]]; default: ; int y; } return 0; }\n",
        "_BitInt(7) x; enum E : unsigned char { A }; static_assert(sizeof(x) == 1);\n",
        "#define BEGIN(x) do { x\n#define END } while (0)\nvoid f(void) { BEGIN(g()); END; }\n",
        "#if A\nint f(int a) {\n#else\nint f(long a) {\n#endif\n  return a;\n}\n",
        "BEGIN_DECLS\nextern int f __P((int, char *)) ATTR(x);\nEND_DECLS\n",
        "#if 0\ndon't { read this\n#endif\nint x;\n",
        "class A { public: explicit A(int); };\n",
    ],
    "java": [
        "import module java.base;\n\nclass Main {}\n",
        'void main() { IO.println("""\n    a "quoted" { text\n    """); }\n',
        "record P<T>(T x, int... y) implements Q { P { z(); } }\n",
        "sealed interface A permits B, C {}\nnon-sealed class B implements A {}\n",
        "class A { int f(Object o) { return switch (o) { case P(var x, _) when x > 0 -> 1; default -> 2; }; } }\n",
        "class A extends B { A(int x) { if (x < 0) throw new E(); super(x); } }\n",
        "class A { void f() { for (var _ : xs) try (var _ = g()) { } catch (E _) { } } }\n",
        "value class A { }\n",
    ],
    "css": [
        ".card {\n  color: red;\n  .title & { margin: 0; }\n  &:hover { a: b }\n  > p { c: d }\n}\n",
        "@layer a, b;\n@layer a { @media (width >= 400px) and (400px <= height) { a { b: c } } }\n",
        "@container card (inline-size > 30em) { a { inset: 0 } }\n",
        "@property --x { syntax: '<length>'; inherits: false; initial-value: 0px }\n",
        "a:has(> b):not(:is(c, d)) { color: color-mix(in oklch, red 10%, rgb(0 0 0 / 50%)) }\n",
        "@scope (.a) to (.b) { :scope { c: d } }\n@starting-style { a { b: c } }\n",
        "a { width: if(style(--x: 1): 1px; else: 2px); --y: { a: b }; *zoom: 1; background: url(a(b) }\n",
        "a { filter: progid:DXImageTransform.Microsoft.gradient(startColorstr='#1', endColorstr='#2'); b: c\\9 }\n",
        "@function --f(--a <length>: 1px) returns <length> { result: calc(var(--a) * 2) }\n",
    ],
    "bash": [
        'exec {fd}<>log.txt\necho hi >&"$fd"\n',
        "cat <<'END'; echo done\nhello\nEND\n",
        "shopt -s extglob\nls !(a|b) @(c) +([0-9])\n",
        "x=${ echo a; }\ny=${| REPLY=1; }\n",
        "coproc N { cat; }\n[[ $a =~ ^(x|y)+$ && -v b ]]\n",
        "case $x in (a|b) ;;& c) ;& *) esac\n",
        'f() (\n  local -n r=$1; mapfile -t x < <(ls); echo "${x[@]@Q}" <<<"a"\n)\n',
        "#!/bin/sh\nif : ; then cat <<-E\n\t'\n\tE\nfi\n",
        '#!/bin/zsh\nfor f (*.txt(N)) print -- $f:r\nx=(${(f)"$(<a)"})\n',
        "for ((i = 0; i < 3; i++)); do ((x += i ** 2)); done\n",
    ],
    "ruby": [
        "def sq(x) = x * x\n",
        "[1].map { it + 1 }.each { puts _1 }\n",
        "case h\nin {a: [Integer => x, *], **nil} if x > 1 then x\nin String | nil\nend\n",
        "def f(*, **, &) = g(*, **, &)\nx = {a:, b:}\n",
        "puts <<~A + <<~B\n  don't {\nA\n  x\nB\n",
        "Data.define(:a) do def b = a end\n%w[a ( b] => x\n",
        "f => {name: String => n}\nx in [Integer, *]\n",
    ],
    "go": [
        "package p\n\ntype Set[T comparable] = map[T]struct{}\n",
        "package p\n\nfunc f() { for i := range 10 { for range 3 { _ = min(i, 2) } } }\n",
        "package p\n\nfunc f() iter.Seq[int] { return func(yield func(int) bool) { _ = yield(1) } }\n",
        "package p\n\ntype N interface{ ~int | ~float64; String() string }\nvar x = 0b1_0 + 0o17 + 0x1p-2\n",
        "package p\n\nvar s = `a \" { `\nvar r = '\\''\n",
        "package p\n\nfunc F[T any, P interface{ *T }](x ...P) (y T) { clear(m); return }\n",
    ],
    "javascript": [
        "class A { #x = 1; static #y; static { A.#y = 2; } get #z() { return #x in this; } accessor w = 1; }\n",
        'import a from "./a.json" with { type: "json" };\nexport * as b from "c";\nawait a;\n',
        "using x = f();\nfor await (using y of g()) {}\n",
        "const r = /[(/]\"'`{/v, s = /(?<a>x)|(?<a>y)/, t = /(?i:a)/;\n",
        "a ??= b?.[c]?.(d) ?? 1_000n;\n",
        "label: for (;;) { try { break label; } catch { continue label; } }\n",
        "const t = `a ${b ? `c ${d}` : `}`} e`;\n",
        "@dec export class A { @logged method() {} }\n",
        "const x = <A b={c} {...d}>don't {e} <></> </A>;\n",
        "// @flow\nfunction f(x: ?string): Array<number> { return (x: any); }\n",
        "#!/usr/bin/env node\nif (!x) return;\n",
        "import defer * as ns from 'a';\nimport source s from 'b';\n",
        "async function* f() { yield* g(); }\nnew.target;\n",
        "with (a) b = 010;\n<!-- old\n",
    ],
    "json": [
        "[1, 2.5e3, null]\n",
        '{"a": "\\u00e9"}',
        '{"a": 1}\n{"a": 2}\n',
        '// why\n{"a": 1}\n',
        '{"a": ' + "1" * 5000 + "}\n",
    ],
    "jsonc": ['// why\n{"a": [1, 2,], /* x */ "b": "// no",}\n', '{"a": 1}\n'],
    "toml": [
        "a = {b = 1,\n  c = 2,\n}\n",
        'a = "\\e[0m \\x41"\n',
        "a = 07:32\nb = 1979-05-27 07:32Z\nc = 0xdead_beef\nd = inf\n",
        "[[a.b]]\n'c d'.e = '''\n'x'\n'''\n",
    ],
    "yaml": [
        "a: &x {b: [1, 2], c: !tag d}\ne:\n  <<: *x\n",
        "a: |+\n  { don't\n\nb: >-2\n    x\n",
        "--- a\n...\n---\n? [k]\n: v\n",
        "a: {{ .Values.b }}\n{{- if .c }}\nd: 1\n{{- end }}\n",
        "%YAML 1.2\n---\na: 'it''s'\n",
    ],
}
NAMES = {"jsonc": "tsconfig.json", "bash": "a"}
TABLE = [(language, text) for language, texts in CONSTRUCTS.items() for text in texts]


def test_the_table_is_as_large_as_it_should_be() -> None:
    assert len(TABLE) >= 120


@pytest.mark.parametrize(("language", "text"), TABLE)
def test_what_is_valid_is_not_called_broken(language: str, text: str) -> None:
    verdict = judge(text, language, Path(NAMES.get(language, "a." + language)))
    assert not verdict.is_broken, verdict
