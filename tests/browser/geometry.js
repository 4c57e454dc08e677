/** Measures the first widget of the page. Each function returns one line for each thing that is wrong. */
(() => {
  const root = () => document.querySelector("inbox-bell, inbox-feed").shadowRoot;
  const isShown = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !one.closest(".aloud");
  const shown = (selector) => [...root().querySelectorAll(selector)].filter(isShown);
  const inTopLayer = (one) => one.matches(":popover-open");
  const nameOf = (one) => `${one.localName}.${[...one.classList].join(".")} "${(one.ariaLabel ?? one.textContent).trim().slice(0, 40)}"`;
  const controls = () => shown("button, a[href], input, label:has(input)").filter((one) => !one.parentElement?.closest("label"));
  const layerOf = (one) => one.closest(".menu, .toast, .news, .bell") ?? root();
  const inFront = (one, other) => layerOf(one) !== layerOf(other) && layerOf(one) !== root();

  /** Where the text in it stands, line by line. */
  function linesOf(one) {
    const [lines, range] = [[], document.createRange()];
    const nodes = document.createNodeIterator(one, NodeFilter.SHOW_TEXT);
    for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
      if (!isShown(node.parentElement)) continue;
      range.selectNode(node);
      lines.push(...range.getClientRects());
    }
    return lines;
  }

  /** What cuts it off, from the inside to the window; and whether one can scroll there. */
  function* edgesOf(one, isText = false) {
    const left = { x: true, y: true }; // directions in which nothing inside scrolls
    for (let at = isText ? one : inTopLayer(one) ? null : one.parentElement; at; at = inTopLayer(at) ? null : at.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(at);
      const scrolls = (overflow) => /auto|scroll/.test(overflow);
      if (overflowX !== "visible" || overflowY !== "visible") {
        yield { by: at, box: at.getBoundingClientRect(), ...left, scrollsX: scrolls(overflowX), scrollsY: scrolls(overflowY) };
      }
      left.x &&= !scrolls(overflowX);
      left.y &&= !scrolls(overflowY);
    }
    const box = { left: 0, top: 0, right: document.documentElement.clientWidth, bottom: innerHeight };
    yield { by: document.body, box, ...left, scrollsX: false, scrollsY: false };
  }

  /** What cuts this box off, where no scrolling helps. */
  function cutBy(one, box, { isText = false, margin = 1 } = {}) {
    for (const { by, box: edge, x, y, scrollsX, scrollsY } of edgesOf(one, isText)) {
      if (x && !scrollsX && (box.left < edge.left - margin || box.right > edge.right + margin)) return by;
      if (y && !scrollsY && (box.top < edge.top - margin || box.bottom > edge.bottom + margin)) return by;
    }
    return null;
  }

  function isScrolledAway(one) {
    const box = one.getBoundingClientRect();
    return [...edgesOf(one)].some(({ box: edge, x, y, scrollsX, scrollsY }) => {
      const beside = x && scrollsX && (box.left < edge.left || box.right > edge.right);
      return beside || (y && scrollsY && (box.top < edge.top || box.bottom > edge.bottom));
    });
  }

  const textsOf = () => shown("*").filter((one) => [...one.childNodes].some((node) => node instanceof Text && node.data.trim()));

  function* findCut() {
    for (const one of [...controls(), ...shown("svg, img")]) {
      const by = cutBy(one, one.getBoundingClientRect());
      if (by) yield `${nameOf(one)} sticks out of ${nameOf(by)}`;
    }
    for (const one of controls()) {
      const box = one.getBoundingClientRect();
      const spills = ({ left, right, top, bottom }) => left < box.left - 1 || right > box.right + 1 || top < box.top - 1 || bottom > box.bottom + 1;
      if (linesOf(one).some(spills)) yield `the text of ${nameOf(one)} is larger than it`;
    }
    for (const one of textsOf()) {
      if (one.closest("[title]")) continue; // the whole of it is said there
      const by = linesOf(one).map((box) => cutBy(one, box, { isText: true })).find(Boolean);
      if (by) yield `the text of ${nameOf(one)} is cut off by ${nameOf(by)}`;
    }
  }

  /** Tools that show while the pointer is on a row stand above its text. */
  function standsAbove(one, other) {
    return Boolean(one.closest(".tools") && other.closest(".text, .body") && one.closest(".item") === other.closest(".item"));
  }

  function* findOverlaps() {
    const isControl = (one) => one.matches("button, a, input, label") && !one.matches(".text");
    const parts = [...controls(), ...textsOf().filter((one) => one.matches(".body a") || !one.closest("button, a, label"))];
    const boxesOf = (one) => [...(isControl(one) || one.title ? [one.getBoundingClientRect()] : []), ...(one.title ? [] : linesOf(one))];
    const areas = [...new Set(parts)].map((one) => [one, boxesOf(one)]);
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    for (const [n, [one, its]] of areas.entries()) {
      for (const [other, others] of areas.slice(n + 1)) {
        if (one.contains(other) || other.contains(one) || layerOf(one) !== layerOf(other)) continue;
        if (standsAbove(one, other) || standsAbove(other, one) || isScrolledAway(one) || isScrolledAway(other)) continue;
        if (its.some((a) => others.some((b) => meet(a, b)))) yield `${nameOf(one)} and ${nameOf(other)} overlap`;
      }
    }
  }

  /** A press up to half of this many pixels from the middle has to hit the control, however small it looks. */
  function* findSmall(pixels) {
    for (const one of controls()) {
      if (one.closest(".body") || isScrolledAway(one)) continue; // a link in a sentence is as high as its line
      const box = one.getBoundingClientRect();
      const [x, y, reach] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2, pixels / 2 - 1.5];
      const isMissed = ([dx, dy]) => {
        const hit = root().elementFromPoint(x + dx, y + dy);
        return !one.contains(hit) && !(hit && inFront(hit, one)); // what stands in front of it goes away
      };
      const misses = [[0, 0], [-reach, 0], [reach, 0], [0, -reach], [0, reach]].filter(isMissed);
      if (misses.length) yield `${nameOf(one)}, ${Math.round(box.width)} x ${Math.round(box.height)}, is missed at ${JSON.stringify(misses)}`;
    }
  }

  /** Measures all parts of the panel and a menu from both sides, before and after the page changes its direction. */
  function* findUnmirrored() {
    const measure = () =>
      shown(".view, .menu").flatMap((layer) => {
        const outer = layer.getBoundingClientRect();
        const parts = [...layer.querySelectorAll("*")].filter((one) => isShown(one) && one.closest(".view, .menu") === layer);
        return parts
          .filter((one) => !one.closest(".body, svg *"))
          .map((one) => [one, one.getBoundingClientRect().left - outer.left, outer.right - one.getBoundingClientRect().right]);
      });
    const before = measure();
    document.dir = "rtl";
    const after = measure();
    document.dir = "ltr";
    for (const [n, [one, start, end]] of before.entries()) {
      const [, left, right] = after[n];
      if (Math.abs(start - right) > 1 || Math.abs(end - left) > 1) {
        yield `${nameOf(one)} is ${start} and ${end} px from the sides, ${right} and ${left} px when mirrored`;
      }
    }
  }

  function channels(colour) {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  }

  function luminance(colour) {
    const [r, g, b] = channels(colour).map((part) => (part > 10 ? ((part / 255 + 0.055) / 1.055) ** 2.4 : part / 255 / 12.92));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  }

  function groundOf(one) {
    for (let at = one; at; at = at.parentElement ?? at.getRootNode().host) {
      const { backgroundColor } = getComputedStyle(at);
      if (channels(backgroundColor)[3] === 255) return backgroundColor;
    }
    throw new Error("the page has no background");
  }

  /** Which control in view has no focus ring that is seen. The last one keeps the focus. */
  function* findUnfocused() {
    const menu = shown(".menu")[0];
    for (const one of controls()) {
      const control = one.querySelector("input") ?? one;
      if ((menu && !menu.contains(one)) || control.disabled || isScrolledAway(one)) continue;
      if (control.matches(":focus")) control.blur();
      control.focus({ focusVisible: true, preventScroll: true });
      const { outlineStyle, outlineWidth, outlineOffset, outlineColor } = getComputedStyle(control);
      const [width, offset] = [parseFloat(outlineWidth), parseFloat(outlineOffset)];
      if (!control.matches(":focus-visible") || outlineStyle === "none" || width < 2) {
        yield `${nameOf(one)} has no focus ring`;
        continue;
      }
      const box = control.getBoundingClientRect();
      const reach = width + offset;
      const ring = { left: box.left - reach, right: box.right + reach, top: box.top - reach, bottom: box.bottom + reach };
      const by = cutBy(control, ring, { margin: 0.5 });
      if (by) yield `the focus ring of ${nameOf(one)} is cut off by ${nameOf(by)}`;
      const [a, b] = [luminance(outlineColor), luminance(groundOf(offset < 0 ? control : (control.parentElement ?? root().host)))];
      const contrast = Math.max(a, b) / Math.min(a, b);
      if (contrast < 3) yield `the focus ring of ${nameOf(one)} has a contrast of ${contrast.toFixed(1)}`;
    }
  }

  /** Whether it is told apart from the panel by a line or its ground. */
  function standsOut(selector) {
    const [one] = shown(selector);
    const { borderTopStyle, outlineStyle, boxShadow } = getComputedStyle(one);
    return groundOf(one) !== groundOf(one.parentElement) || [borderTopStyle, outlineStyle, boxShadow].some((value) => value !== "none");
  }

  globalThis.geometry = {
    standsOut,
    findMisplaced: (pixels) => [...findCut(), ...findOverlaps(), ...findSmall(pixels)],
    findUnmirrored: () => [...findUnmirrored()],
    findUnfocused: () => [...findUnfocused()],
  };
})();
