// Checks values as the original checks the payload of a trigger: {schema, values} → for each value {problems, value}.

import Ajv from 'ajv';
import addFormats from 'ajv-formats';

import { evaluateCases } from './cases.mjs';

function makeAjv() {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, logger: false });
  addFormats(ajv);
  return ajv;
}

const shared = makeAjv();

await evaluateCases(({ schema, values }) => {
  // an instance keeps what has an $id, and takes no second one
  const ajv = JSON.stringify(schema).includes('"$id"') ? makeAjv() : shared;
  const validate = ajv.compile(schema);
  return values.map((value) => {
    validate(value);
    const problems = (validate.errors ?? []).map((error) => ({
      path: error.instancePath,
      keyword: error.keyword,
      message: error.message,
      schemaPath: error.schemaPath,
    }));
    return { problems, value };
  });
});
