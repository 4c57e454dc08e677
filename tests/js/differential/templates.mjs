// Renders templates with the original's engine. A case is {"source", "scope"}; its value is the text of the field.
//
// The original renders a step's fields as one JSON text and parses the result, so its engine escapes what it writes for
// JSON. A source that JSON would change (it holds a quote, a backslash or a line break) cannot be a field there, and one
// whose text is no JSON any more cannot be read back: these are rendered by the same engine with the escaping undone.

import { compileJsonControlValues, createLiquidEngine, repairJsonString } from '@novu/framework/internal';

import { evaluateCases } from './cases.mjs';

const engine = createLiquidEngine({
  outputEscape(value) {
    if (typeof value !== 'object' || value === null) return value === undefined || value === null ? '' : String(value);
    const quoted = JSON.stringify(value).replace(/"/g, "'").replace(/\n/g, '\\n');
    return JSON.parse(repairJsonString(`"${quoted}"`));
  },
});

async function renderField(source, scope) {
  try {
    return (await compileJsonControlValues({ source }, scope)).source;
  } catch (error) {
    if (error.message === 'Rendered template output is not valid JSON') return engine.parseAndRender(source, scope);
    throw error;
  }
}

await evaluateCases(({ source, scope }) => {
  const isField = JSON.stringify(source) === `"${source}"`;
  return isField ? renderField(source, scope) : engine.parseAndRender(source, scope);
});
