"""From a workflow's step and a trigger's variables to the text of a message.

`templates` and `handlebars` compile texts, `liquid` is the engine behind them, `conditions` evaluates a step's `skip`
with `logic` and `operators`. `budget` limits the work of all of them and holds the threat model.
"""
