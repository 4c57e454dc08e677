// Evaluates rules with json-logic-js and the operators that the original replaces and adds, which are restated here from
// their description. A case is {"rule", "data", "now"}, `now` in ms since 1970.

import jsonLogic from 'json-logic-js';

import { evaluateCases } from './cases.mjs';

console.log = () => {}; // the operator `log` would write between the results

let now = 0;

const UNITS = ['minutes', 'hours', 'days', 'weeks', 'months', 'years'];
const HOUR = 3_600_000;
const TOLERANCES = { minutes: HOUR / 60, hours: HOUR, days: 24 * HOUR, weeks: 24 * HOUR, months: 24 * HOUR, years: 168 * HOUR };

const asBoolean = (value) => (value === true || value === 'true' ? true : value === false || value === 'false' ? false : undefined);
const isText = (value) => typeof value === 'string';

function comparable(left, right) {
  if (asBoolean(left) !== undefined && asBoolean(right) !== undefined) return [asBoolean(left), asBoolean(right)];
  if (!Number.isNaN(Number(left)) && !Number.isNaN(Number(right))) return [Number(left), Number(right)];
  if (!isText(left) || !isText(right)) return null;
  const times = [new Date(left).getTime(), new Date(right).getTime()];
  return times.some(Number.isNaN) ? null : times;
}

function compare(otherwise, test) {
  return (left, right) => {
    const pair = comparable(left, right);
    return pair ? test(...pair) : otherwise(left, right);
  };
}

const never = () => false;
const texts = (test) => (value, part) => isText(value) && isText(part) && test(value, part);

const overlap = (value, wanted) => {
  if (!Array.isArray(wanted)) return undefined;
  if (isText(value)) return wanted.some((item) => isText(item) && value.includes(item));
  return Array.isArray(value) ? value.some((item) => wanted.includes(item)) : undefined;
};

function limits(value, range) {
  const all = Array.isArray(range) && range.length === 2 && [value, ...range].every((one) => typeof one === 'number');
  return all ? range : null;
}

function before(ago) {
  if (typeof ago !== 'object' || ago === null || typeof ago.amount !== 'number' || !(ago.amount > 0)) return null;
  const date = new Date(now);
  if (ago.unit === 'minutes') date.setMinutes(date.getMinutes() - ago.amount);
  else if (ago.unit === 'hours') date.setHours(date.getHours() - ago.amount);
  else if (ago.unit === 'days') date.setDate(date.getDate() - ago.amount);
  else if (ago.unit === 'weeks') date.setDate(date.getDate() - ago.amount * 7);
  else if (ago.unit === 'months') date.setMonth(date.getMonth() - ago.amount);
  else if (ago.unit === 'years') date.setFullYear(date.getFullYear() - ago.amount);
  return UNITS.includes(ago.unit) ? date.getTime() : null;
}

function dates(test) {
  return (value, ago) => {
    const moment = new Date(value).getTime();
    const target = before(ago);
    return target !== null && !Number.isNaN(moment) && test(moment, target, ago);
  };
}

const isEmpty = (value) =>
  value === null || value === undefined || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);

const operators = {
  '==': compare((left, right) => left === right, (left, right) => left === right),
  '!=': compare((left, right) => left !== right, (left, right) => left !== right),
  '<': compare(never, (left, right) => left < right),
  '>': compare(never, (left, right) => left > right),
  '>=': compare(never, (left, right) => left >= right),
  '<=': (first, second, third) => {
    const lower = comparable(first, second);
    if (third === undefined) return lower !== null && lower[0] <= lower[1];
    const upper = comparable(second, third);
    return lower !== null && upper !== null && lower[0] <= lower[1] && lower[1] <= upper[1];
  },
  '=': (left, right) => jsonLogic.apply({ '==': [left, right] }, {}),
  startsWith: texts((value, part) => value.startsWith(part)),
  endsWith: texts((value, part) => value.endsWith(part)),
  contains: texts((value, part) => value.includes(part)),
  doesNotContain: texts((value, part) => !value.includes(part)),
  doesNotBeginWith: texts((value, part) => !value.startsWith(part)),
  doesNotEndWith: texts((value, part) => !value.endsWith(part)),
  containsAny: (value, wanted) => overlap(value, wanted) === true,
  doesNotContainAny: (value, wanted) => overlap(value, wanted) === false,
  null: (value) => value === null,
  notNull: (value) => value !== null,
  isEmpty,
  isNonEmpty: (value) => !isEmpty(value),
  notIn: (value, items) => Array.isArray(items) && !items.includes(value),
  between: (value, range) => limits(value, range) !== null && value >= range[0] && value <= range[1],
  notBetween: (value, range) => limits(value, range) !== null && (value < range[0] || value > range[1]),
  moreThanXAgo: dates((date, target) => date < target),
  lessThanXAgo: dates((date, target) => date >= target),
  withinLast: dates((date, target) => date >= target && date <= now),
  notWithinLast: dates((date, target) => date < target),
  exactlyXAgo: dates((date, target, ago) => Math.abs(date - target) <= TOLERANCES[ago.unit]),
};

for (const [name, operator] of Object.entries(operators)) {
  jsonLogic.rm_operation(name);
  jsonLogic.add_operation(name, operator);
}

// JSON has no undefined, NaN, infinities or -0, which rules do give: they are written as {"special": …}.
function encoded(value) {
  if (value === undefined) return { special: 'undefined' };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { special: Object.is(value, -0) ? '-0' : String(value) };
  }
  if (Array.isArray(value)) return value.map((item) => (item === undefined ? null : encoded(item)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, encoded(item)]));
}

await evaluateCases(({ rule, data, now: moment }) => {
  now = moment;
  return { given: encoded(jsonLogic.apply(rule, data)), holds: jsonLogic.truthy(jsonLogic.apply(rule, data)) };
});
