/** The attributes of the elements, each of which is a property too. */

export const SESSION = ["application-identifier", "subscriber", "subscriber-hash", "context", "context-hash", "base-url"];
export const VIEW = ["locale", "tabs", "filters", "alerts"];
const LOOKS = ["theme", "density", "placement"];
const JSON_VALUED = ["context", "tabs"];
const REFLECTED = [...SESSION, ...VIEW, ...LOOKS].filter((name) => name !== "locale");

/** @param {string} name of an attribute */
const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** Names of all properties that a page may set. */
const PROPERTIES = [...REFLECTED.map(camel), "locale", "token", "strings", "renderItem", "open"];

/** Give each attribute its property. @param {object} prototype of the elements */
export function reflect(prototype) {
  for (const name of REFLECTED) Object.defineProperty(prototype, camel(name), propertyOf(name, JSON_VALUED.includes(name)));
}

/** @param {string} name @param {boolean} isJson @returns {PropertyDescriptor & ThisType<any>} */
function propertyOf(name, isJson) {
  return {
    get() {
      return isJson ? this.parsed(name) : this.getAttribute(name);
    },
    set(value) {
      if (value === null || value === undefined) this.removeAttribute(name);
      else this.setAttribute(name, isJson && typeof value !== "string" ? JSON.stringify(value) : String(value));
    },
  };
}

/** Take over the properties that were set before the element was defined. @param {any} element */
export function upgrade(element) {
  for (const name of PROPERTIES) {
    if (!Object.hasOwn(element, name)) continue;
    const value = element[name];
    delete element[name];
    element[name] = value;
  }
}

/** The language of an element: its own, that of the page around it, or that of the browser. @param {HTMLElement} element */
export function localeOf(element) {
  const lang = element.getAttribute("locale") || element.closest("[lang]")?.getAttribute("lang") || navigator.language;
  try {
    return Intl.getCanonicalLocales(lang)[0];
  } catch {
    return undefined;
  }
}

/** @param {string | null} text @returns {string[]} */
export function words(text) {
  return text?.split(/[\s,]+/).filter(Boolean) ?? [];
}
