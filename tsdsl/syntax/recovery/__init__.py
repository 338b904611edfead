"""What happens at a token that does not fit.

`driver` asks the table of likely `mistakes` (`mistakes.toml`): `match` compares its patterns with the tokens, `writers`
and `units` say what was meant, `words` names tokens in messages. What no entry knows is reported once and skipped.
"""
