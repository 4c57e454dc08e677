// Evaluates the cases of a JSON file one by one and prints a JSON list: {"value": …} or {"error": …} for each.

import { readFileSync } from 'node:fs';

export async function evaluateCases(evaluate) {
  const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  const results = [];
  for (const given of cases) {
    try {
      const value = await evaluate(given);
      results.push({ value: value === undefined ? null : value });
    } catch (error) {
      results.push({ error: String(error?.message ?? error).split('\n')[0] });
    }
  }
  process.stdout.write(JSON.stringify(results));
}
