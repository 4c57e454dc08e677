/** Small charts: bars over the last hour, and a line of what was read since the page was opened. */

import { element } from "../pages/element.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 10;
const LENGTH = 600;
const HEIGHT = 60;

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** @param {number} width @param {string} label what a screen reader says */
const picture = (width, label) => shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label });

/**
 * Return bars of two parts, one above the other.
 * @param {{ good: number, bad: number }[]} counts @param {string} label
 */
export function bars(counts, label) {
  const highest = Math.max(1, ...counts.map(({ good, bad }) => good + bad));
  const drawing = picture(counts.length * WIDTH, label);
  counts.forEach(({ good, bad }, index) => {
    const [lower, upper] = [good, bad].map((count) => (count / highest) * (HEIGHT - 2));
    const place = { x: index * WIDTH + 1, width: WIDTH - 2 };
    const base = Math.max(1, lower);
    drawing.append(shape("rect", { ...place, y: HEIGHT - base, height: base, class: "good" }));
    if (bad) drawing.append(shape("rect", { ...place, y: HEIGHT - base - upper, height: upper, class: "bad" }));
  });
  return drawing;
}

/**
 * Return a line through some readings.
 * @param {{ age: number, value: number }[]} readings the age is a share of the time that the chart shows @param {string} label
 */
export function line(readings, label) {
  const highest = Math.max(1, ...readings.map(({ value }) => value));
  const drawing = picture(LENGTH, label);
  const points = readings.map(({ age, value }) => `${(1 - age) * LENGTH},${HEIGHT - 2 - (value / highest) * (HEIGHT - 4)}`);
  drawing.append(shape("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" }));
  return drawing;
}

/** @param {Element} drawing @param {...(Node | string)} caption */
export const chart = (drawing, ...caption) => element("figure", { className: "chart" }, drawing, element("figcaption", {}, ...caption));
