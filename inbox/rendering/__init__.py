"""From a workflow's step and a trigger's variables to the text of a message.

    templates   a text with `{{ … }}` → a Template: literal, direct lookups, or Liquid
    engine      Liquid with bounds on loops, ranges, filters and output
    filters     the filters that Novu adds to Liquid
    steps       a stored step → a CompiledStep that renders messages

Templates come from whoever holds an API key, values from anywhere: neither may stall the process or fill its memory.
"""

from inbox.rendering.engine import MAX_OUTPUT_BYTES
from inbox.rendering.steps import CompiledStep, Cta, Rendered, check_templates, compile_steps
from inbox.rendering.templates import RenderError, TemplateError

__all__ = [
    "MAX_OUTPUT_BYTES",
    "CompiledStep",
    "Cta",
    "RenderError",
    "Rendered",
    "TemplateError",
    "check_templates",
    "compile_steps",
]
