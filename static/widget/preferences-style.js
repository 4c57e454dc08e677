/** The looks of the preferences, with the custom properties of the widget's own sheet. */
export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
.preferences { display: flex; flex-direction: column; min-height: 0; flex: 1; }
.preferences .back { margin-inline-start: auto; color: var(--_accent); font-weight: 550; border-radius: 4px; }
.choices { overflow-y: auto; overscroll-behavior: contain; min-height: 0; padding: 0 1rem 1rem; }
.choices .loading { padding: 2rem 0; color: var(--_muted); text-align: center; }
.choices .retry { margin-block-start: 0.5rem; color: var(--_accent); font-weight: 550; }
.choices .problem { margin: 0.5rem -1rem 0; }
.choices .group, .schedule { margin: 0; padding: 0.5rem 0; border: 0; border-block-end: 1px solid var(--_line); min-width: 0; }
.choices .group:last-child, .schedule { border-block-end: 0; }
.choice span { overflow-wrap: anywhere; }
.choices legend { float: inline-start; width: 100%; padding: 0; font-weight: 600; overflow-wrap: anywhere; }
.choices legend + * { clear: both; }
.choices .locked { color: var(--_muted); font-size: 0.8125rem; }
.choice, .day { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 2.25rem; }
.day label { display: flex; align-items: center; gap: 0.5rem; }
.hours { display: flex; align-items: center; gap: 0.25rem; }
.hours input { font: inherit; color: inherit; background: transparent; border: 1px solid var(--_line); border-radius: 6px; padding: 0.125rem 0.25rem; color-scheme: inherit; }
.choices input[type="checkbox"] { accent-color: var(--_accent); width: 1rem; height: 1rem; margin: 0; }
.choices input[role="switch"] {
  appearance: none; flex: none; width: 2.25rem; height: 1.25rem; border-radius: 1rem; background: var(--_muted); cursor: pointer;
  position: relative; transition: background 0.15s;
}
.choices input[role="switch"]::after {
  content: ""; position: absolute; inset-block-start: 2px; inset-inline-start: 2px; width: 1rem; height: 1rem; border-radius: 50%;
  background: var(--_ground); transition: inset-inline-start 0.15s;
}
.choices input[role="switch"]:checked { background: var(--_accent); }
.choices input[role="switch"]:checked::after { inset-inline-start: calc(100% - 1rem - 2px); }
.choices input[role="switch"]:disabled { opacity: 0.5; cursor: not-allowed; }
@media (prefers-reduced-motion: reduce) { .choices input[role="switch"], .choices input[role="switch"]::after { transition: none; } }
@media (forced-colors: active) {
  .choices input[role="switch"] { appearance: auto; width: 1.25rem; }
  .choices input[role="switch"]::after { content: none; }
}
`);
