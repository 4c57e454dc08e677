/**
 * Colours and measures of the widget, and the bell itself, as a constructed sheet: allowed under `default-src 'self'`,
 * where inline styles are not. A page themes it by custom properties and parts, which docs/widget.md lists. Our own
 * custom properties begin with an underscore: they are set on the element itself, where a page may use names like `--accent`.
 */
export const theme = new CSSStyleSheet();

theme.replaceSync(`
:host {
  --_accent: var(--inbox-accent, light-dark(#2557d6, #8ab0ff)); --_on-accent: var(--inbox-on-accent, light-dark(#fff, #10141c));
  --_ground: var(--inbox-background, light-dark(#fff, #1c2028)); --_text: var(--inbox-text, light-dark(#1a1d23, #eceff4));
  --_muted: var(--inbox-muted, light-dark(#5c6470, #a3acba)); --_line: var(--inbox-border, light-dark(#e1e4ea, #343a46));
  --_hover: var(--inbox-hover, light-dark(#f4f6fa, #262b35)); --_badge: var(--inbox-badge, light-dark(#c8232c, #d92d37));
  --_radius: var(--inbox-radius, 12px); --_font: var(--inbox-font, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif);
  --_pad: 0.875rem; --_size: 0.875rem;
  color-scheme: light dark; position: relative; display: inline-block; text-align: start;
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([density="compact"]) { --_pad: 0.5rem; --_size: 0.8125rem; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
button[aria-disabled="true"] { cursor: default; }
:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
svg {
  width: 1.5em; height: 1.5em; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round;
}
.aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.bell {
  position: relative; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 50%;
  font: 1rem var(--_font);
}
.bell:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
.bell:is([data-status="offline"], [data-status="reconnecting"], [data-status="unauthorized"], [data-status="failed"]) svg { opacity: 0.45; }
.unloaded { padding: 1rem; font: 1rem var(--_font); text-decoration: underline; }
.badge {
  position: absolute; inset-block-start: 0; inset-inline-end: 0; min-width: 1.15rem; padding: 0 0.25rem;
  border-radius: 1rem; background: var(--_badge); color: #fff; font-size: 0.6875rem; font-weight: 650;
  line-height: 1.15rem; text-align: center;
}
.badge[data-severity="high"] { box-shadow: 0 0 0 2px color-mix(in srgb, var(--_badge) 35%, transparent); }
@media (hover: none) { .bell { width: 2.75rem; height: 2.75rem; } }
@media (forced-colors: active) { .badge { border: 1px solid; } }
`);
