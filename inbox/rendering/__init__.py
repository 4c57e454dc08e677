"""From a workflow's step and a trigger's variables to the text of a message.

templates   a text with `{{ … }}` → a Template: literal, direct lookups, or Liquid
liquid      Liquid as the original's engine renders it
handlebars  the v1 templates
javascript  how JavaScript converts and compares the values of JSON; date_parser how it reads a date
conditions  a step's `skip`; `logic` evaluates it, with `operators`; paths of what they and templates read
budget      what all of these may do for one recipient, and the threat that it meets
steps       a stored step → a CompiledStep that renders messages
waits       a delay or digest → a CompiledWait that tells until when, and what belongs together
times       amounts of units, and cron expressions
"""

from inbox.rendering.budget import MAX_OUTPUT_BYTES, working
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
