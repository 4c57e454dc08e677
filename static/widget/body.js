/** What a notification says, as nodes: text, or a small part of Markdown where the workflow allows it. */

import { make, safeUrl } from "./dom.js";

/** @typedef {import("../client/index.js").Notification} Notification */
/** @typedef {"strong" | "em"} Emphasis */
/** @typedef {{sign: string, tag: Emphasis, nodes: (Node | string)[]}} Open an emphasis that has begun */

// Each alternative stops at the next sign of its kind, so that a hostile text takes no longer than another one.
const INLINE = /\\([!-/:-@[-`{-~])|`([^`\n]+)`|(\*{1,3}|_)|\[([^[\]\n]*)\]\(([^()\s]*)\)|\n|[^\\`*_[\n]+|[^]/g;
const LIST_ITEM = /^ {0,3}(?:([-*])|\d{1,9}[.)]) +(.*)$/;

/** @param {Notification} notification @returns {Node} */
export function renderBody({ body, bodyFormat }) {
  if (bodyFormat !== "markdown") return document.createTextNode(body);
  const made = document.createDocumentFragment();
  made.append(...blocks(body));
  return made;
}

/** Return what the body says, without signs. @param {Notification} notification @returns {string} */
export function bodyText(notification) {
  return notification.bodyFormat === "markdown" ? (renderBody(notification).textContent ?? "") : notification.body;
}

/** @param {string} body */
function blocks(body) {
  /** @type {(Node | string)[]} */
  const made = [];
  /** @type {string[]} */
  let text = [];
  let list = /** @type {HTMLElement | null} */ (null);
  const flush = () => {
    if (text.length) made.push(...inline(text.join("\n")));
    text = [];
  };
  for (const line of body.split(/\r?\n/)) {
    const item = LIST_ITEM.exec(line);
    const tag = item && (item[1] ? "ul" : "ol");
    if (!item || !tag) {
      if (line || !list) text.push(line); // an empty line after a list only ends it
      list = null;
      continue;
    }
    flush();
    if (list?.localName !== tag) made.push((list = make(tag, {})));
    list.append(make("li", {}, ...inline(item[2])));
  }
  flush();
  return made;
}

/** @param {string} text @returns {(Node | string)[]} */
function inline(text) {
  /** @type {(Node | string)[]} */
  const root = [];
  /** @type {Open[]} at most one of each sign */
  const open = [];
  const add = (/** @type {(Node | string)[]} */ ...nodes) => (open.at(-1)?.nodes ?? root).push(...nodes);
  const endLast = (/** @type {boolean} */ isClosed) => {
    const { sign, tag, nodes } = /** @type {Open} */ (open.pop());
    if (isClosed) add(make(tag, {}, ...nodes));
    else add(sign, ...nodes);
  };
  const mark = (/** @type {string} */ sign, /** @type {string} */ before, /** @type {string} */ after) => {
    const place = open.findIndex((one) => one.sign === sign);
    if (place >= 0 && canEnd(sign, before, after)) {
      while (open.length > place + 1) endLast(false);
      endLast(true);
    } else if (place < 0 && canStart(sign, before, after)) {
      open.push({ sign, tag: sign === "**" ? "strong" : "em", nodes: [] });
    } else add(sign);
  };
  for (const match of text.matchAll(INLINE)) {
    const [all, escaped, code, sign, label, url] = match;
    if (escaped) add(escaped);
    else if (code !== undefined) add(make("code", {}, code));
    else if (label !== undefined) add(...link(label, url));
    else if (all === "\n") add(make("br", {}));
    else if (!sign) add(all);
    else {
      const isEnd = open.at(-1)?.sign === "*";
      const signs = sign !== "***" ? [sign] : isEnd ? ["*", "**"] : ["**", "*"];
      const [before, after] = [text[match.index - 1] ?? " ", text[match.index + sign.length] ?? " "];
      for (const one of signs) mark(one, before, after);
    }
  }
  while (open.length) endLast(false);
  return root;
}

/** @param {string} sign @param {string} before @param {string} after */
function canStart(sign, before, after) {
  return /\S/.test(after) && (sign !== "_" || !isWordly(before));
}

/** @param {string} sign @param {string} before @param {string} after */
function canEnd(sign, before, after) {
  return /\S/.test(before) && (sign !== "_" || !isWordly(after));
}

const isWordly = (/** @type {string} */ character) => /[\p{L}\p{N}_]/u.test(character);

/** @param {string} label @param {string} url @returns {(Node | string)[]} */
function link(label, url) {
  const href = safeUrl(url);
  if (!href) return inline(label);
  const { protocol, origin } = new URL(href);
  const target = origin === location.origin ? "_self" : "_blank";
  const attributes = { href, ...(protocol !== "mailto:" && { target }), rel: "noopener noreferrer" };
  return [make("a", attributes, ...(label.trim() ? inline(label) : [url]))];
}
