"""Forms of TypeScript that its grammar does not know, and breaks beside them."""

from __future__ import annotations

import pytest

from dgedit.judges import grammar, typescript

READ = [
    'export declare const first: import("./types.ts").Pair<\n  Date,\n  string\n>;\n',
    "declare const f: <T extends import('react').Kind<any>>(a: T) => "
    "import('./b', { with: { 'resolution-mode': 'import' } }).B;\n",
    "export type * from './a';\nexport type * as b from './b';\n",
    "export interface Box<in out A, out B = never, const C extends readonly unknown[] = []> extends D {}\n",
    "declare module 'a' {\n  global {\n    var process: P;\n  }\n}\n",
    "interface Node {\n  abstract: boolean | null;\n  readonly declare?: boolean;\n  static: 1;\n}\n",
    "export default function (): {\n  error: E;\n};\n",
    "export declare const map: {\n  <A>(a: A): <B>(b: B) => A\n  <A, B>(a: A, b: B): A\n}\n",
    "interface Handler {\n  (options: Options): Compose\n  <S extends {}>(...all: S[]): S\n}\n",
    "import defer * as ns from 'a';\n",
]
NOT_READ = [
    'const a: import("./b").C<;\n',
    "export type * from;\n",
    "interface Box<out A { b: A }\n",
    "global {\n  let = ;\n}\n",
    "export default function (: {}\n",
    "const a = {\n  <A>(a: A: A\n}\n",
]


@pytest.mark.parametrize("text", READ)
def test_a_form_that_the_grammar_does_not_know_is_read(text: str) -> None:
    assert not grammar.reads(text, "typescript"), "it shows nothing"
    assert typescript.read(text, "typescript")


@pytest.mark.parametrize("text", NOT_READ)
def test_a_break_in_such_a_form_is_not_read(text: str) -> None:
    assert not typescript.read(text, "typescript")


def test_other_languages_are_not_asked() -> None:
    assert not typescript.read("export type * from 'a';\n", "javascript")
