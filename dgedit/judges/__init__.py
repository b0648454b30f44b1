"""Whether a text is valid in its language, told by those who know: valid, broken, or not to be told.

    judge       one question for every language: the grammar first, then whoever can overrule it
      python    Python's own parser, then ruff's, which knows newer syntax, then fissix's, which knows Python 2
      data      JSON, JSON with comments, TOML, YAML: parsers of the standard library and of others
      tools     a language's own program, where it is installed and can judge one file without its project
      problems  what is doubtful in Python, by its parser and pyflakes, for a process beside an editor
      brackets  an unclosed bracket, comment or string: what no new syntax can make right
    verdict     what a judge says
    programs    a program run on a text, within bounds

A grammar of tree-sitter can say that a text is valid, never alone that it is broken: it is older than the language.
"""
