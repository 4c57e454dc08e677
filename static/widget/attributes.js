/** The attributes of the elements, each of which is a property too. */

export const SESSION = ["application-identifier", "subscriber", "subscriber-hash", "context", "context-hash", "base-url"];
export const VIEW = ["locale", "tabs", "filters", "alerts"];
const LOOKS = ["theme", "density", "placement"];
const JSON_VALUED = ["context", "tabs"];
const REFLECTED = [...SESSION, ...VIEW, ...LOOKS].filter((name) => name !== "locale");

/** @param {string} name of an attribute */
const camel = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());

/** Names of all properties that a page may set, before the element is defined too. */
export const PROPERTIES = [...REFLECTED.map(camel), "locale", "token", "strings", "renderItem"];

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

/** @param {string | null} text @returns {string[]} */
export function words(text) {
  return text?.split(/[\s,]+/).filter(Boolean) ?? [];
}
