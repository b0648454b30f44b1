"""What the grammar of C reads once macros are taken for something, and what it does not read even so."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.judges import macros
from dgedit.judges.judge import judge

READ = [
    ("c", "LIB_BEGIN_DECLS\n\nextern int f (void) LIB_THROW;\nint g __P((int));\n\nLIB_END_DECLS\n"),
    (
        "c",
        '#ifdef __cplusplus\nextern "C" {\n#endif\nLIB_API(int) f(LIB_CONST char *s);\n#ifdef __cplusplus\n}\n#endif\n',
    ),
    ("c", "struct LIB_PACKED point { int x; LIB_ALIGNED(8) int y; };\n"),
    ("c", "int f(int a\n#if LIB_OLD\n, int b) {\n#else\n) {\n#endif\n  LIB_FOREACH(x, xs) { g(x); }\n  return 0;\n}\n"),
    ("c", "extern LIB_EXPORT char *LIBCALL name(int);\n"),
    ("c", '/* LIB_X( */ int a = 1; // LIB_Y(\nchar *s = "LIB_Z(";\nLIB_W()\nint b;\n'),
    (
        "cpp",
        "LIB_BEGIN_NAMESPACE\n\nclass Hidden;\n\nclass LIB_EXPORT Action : public Base\n{\n    LIB_OBJECT\n"
        "    LIB_PROPERTY(bool on READ isOn WRITE setOn)\npublic LIB_SLOTS:\n    void a();\n"
        "LIB_SIGNALS:\n    void b();\n};\n",
    ),
    (
        "cpp",
        "namespace std LIB_VISIBILITY(default)\n{\n"
        "template <class T> LIB_CONSTEXPR inline T f(T x) LIB_NOEXCEPT { return x; }\n}\n",
    ),
    ("cpp", "LIB_STATIC_ASSERT(a<b>::value)\nLIB_REGISTER(x::y, 2)\nLIB_REGISTER(z, 3)\n"),
]
NOT_READ = [
    ("c", "int f(void) { return (1 + ; }\n"),
    ("c", "LIB_API int f(void) { if x } y }\n"),
    ("c", "LIB_API int f(int a int b);\n"),
    ("cpp", "class LIB_EXPORT A : public { int x; };\n"),
    ("cpp", "LIB_BEGIN\nint f() { return 1 2; }\nLIB_END\n"),
]


@pytest.mark.parametrize(("language", "text"), READ)
def test_macros_keep_no_text_from_being_read(language: str, text: str) -> None:
    assert macros.read(text, language)


@pytest.mark.parametrize(("language", "text"), NOT_READ)
def test_a_break_beside_macros_is_not_read(language: str, text: str) -> None:
    assert not macros.read(text, language)


@pytest.mark.parametrize(
    "text", ["LIB_API int f(void) {\n  g();\n", "LIB_BEGIN\nint a[] = {1, 2;\n", "void LIB_X f(int a;\n"]
)
def test_a_bracket_beside_macros_is_still_missed(text: str) -> None:
    assert judge(text, "c", Path("a.c")).is_broken


def test_what_is_no_c_is_not_read() -> None:
    assert not macros.read("LIB_BEGIN\nx = 1;\n", "javascript")


def test_a_text_of_many_macros_is_read_a_bounded_number_of_times() -> None:
    text = "".join(f"LIB_{number} )\n" for number in range(2000))
    assert not macros.read(text, "c")
