"""From characters to nodes, by the one grammar: `lexer` cuts tokens, `machine` runs the parser's table on them, and
`compile_table` makes that table from `grammars/tsspace.lark` with Lark.
"""
