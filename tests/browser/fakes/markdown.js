/** Bodies of random parts, and what may not come of them. */

import { bodyText, renderBody } from "/static/widget/body.js";

const PARTS = [
  ..."*_`[]()\\\n ", "**", "***", "](", "- ", "1. ", "a", "b ", "<b>", "<script>", "&lt;", "javascript:", "JaVa\tScript:x",
  "https://x.example/", "data:text/html,x", "/p", "//x.example", "\u200b", "é", "🙂", "\u202e",
];
const ALLOWED = { STRONG: [], EM: [], CODE: [], BR: [], UL: [], OL: [], LI: [], A: ["href", "target", "rel"] };
const SAFE = /^(https?|mailto):$/;

/** Return what is wrong with the nodes of random bodies: other elements or attributes, unsafe links, lost words. */
export function findProblems(count, seed) {
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  const bodies = Array.from({ length: count }, () => Array.from({ length: random(40) }, () => PARTS[random(PARTS.length)]).join(""));
  return bodies.flatMap((body) => problemsOf(body).map((problem) => [problem, body]));
}

function problemsOf(body) {
  const host = document.createElement("div");
  host.append(renderBody({ body, bodyFormat: "markdown" }));
  const problems = [...host.querySelectorAll("*")].flatMap((element) => {
    const { tagName, attributes } = element;
    const isAllowed = ALLOWED[tagName] && [...attributes].every(({ name }) => ALLOWED[tagName].includes(name));
    const isSafe = tagName !== "A" || (SAFE.test(element.protocol) && element.rel === "noopener noreferrer" && !element.querySelector("a"));
    return isAllowed && isSafe ? [] : [element.outerHTML];
  });
  const words = (text) => text.replace(/[^abé🙂]/gu, "");
  const withoutAddresses = body.replace(/\]\([^()\s]*\)/g, "");
  if (words(withoutAddresses).length > words(host.textContent).length) problems.push("lost words");
  if (bodyText({ body, bodyFormat: "markdown" }) !== host.textContent) problems.push("another text");
  return problems;
}
