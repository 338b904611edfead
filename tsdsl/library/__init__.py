"""What `import tsdsl` offers: functions that take spaces, architectures, paths or their text, and return typed objects.

`space` and `architecture` join frozen data with the facts about them, `loading` reads them, `networks` builds models,
`runs` searches, trains, evaluates and predicts, `exporting` and `pictures` write files. `html` is what notebooks show.
"""
