"""From a workflow's step and a trigger's variables to the text of a message.

    templates   a text with `{{ … }}` → a Template: literal, direct lookups, or Liquid
    engine      Liquid with bounds on its markup, its variables and its output
    bounds      charges put into a parsed template
    filters     the filters that Novu adds to Liquid, and what filters cost
    conditions  a step's `skip`; `logic` evaluates it
    budget      what all of these may do for one recipient
    steps       a stored step → a CompiledStep that renders messages
    waits       a delay or digest → a CompiledWait that tells until when, and what belongs together
    times       amounts of units, and cron expressions

Templates come from whoever holds an API key, values from anywhere: neither may stall the process or fill its memory.
"""

from inbox.rendering.budget import working
from inbox.rendering.engine import MAX_OUTPUT_BYTES
from inbox.rendering.steps import AnyStep, CompiledStep, Cta, Rendered, check_templates, compile_step, compile_steps
from inbox.rendering.templates import RenderError, TemplateError
from inbox.rendering.waits import CompiledDigest, CompiledWait

__all__ = [
    "MAX_OUTPUT_BYTES",
    "AnyStep",
    "CompiledDigest",
    "CompiledStep",
    "CompiledWait",
    "Cta",
    "RenderError",
    "Rendered",
    "TemplateError",
    "check_templates",
    "compile_step",
    "compile_steps",
    "working",
]
