/** `node --import` this: the client finds React and Vue where the tests have them. */
import { register } from "node:module";

const hooks = `
  export const resolve = (name, context, next) =>
    next(name, /^(react|vue)/.test(name) ? { ...context, parentURL: ${JSON.stringify(import.meta.url)} } : context);
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
