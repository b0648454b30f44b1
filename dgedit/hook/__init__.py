"""Hooks of git and of pre-commit.

    staged    what the next commit holds: `dgedit hook run`, which the installed hook runs
    named     files that pre-commit names: `dgedit hook check|fill|fix`
      checks    what stops a commit, and which files are left alone
      mending   what may write: a marked place filled, a fault fixed, one file at a time
    install   the hook as a file among other people's hooks

Everything it says is on standard error, a line each. Nothing here stages, commits or resolves a conflict.
"""
