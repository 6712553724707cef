"use strict";
// The page is whole without this: it adds ways to look closer, and asks for nothing.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (name, attributes = {}, text = "") => {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    e.textContent = text;
    return e;
  };
  const button = (text, label, act) => {
    const b = make("button", label ? { type: "button", "aria-label": label, title: label } : { type: "button" }, text);
    b.addEventListener("click", act);
    return b;
  };

  // Tooltips: of the mark under the pointer, or the one that the arrow keys reach.
  const tip = make("div", { id: "tip", role: "status", hidden: "" });
  document.body.append(tip);
  let at = null;
  const hide = () => {
    at?.classList.remove("at");
    at = null;
    tip.hidden = true;
  };
  const show = (mark, x, y) => {
    if (mark !== at) {
      hide();
      at = mark;
      at.classList.add("at");
      tip.textContent = mark.dataset.tip;
      tip.hidden = false;
    }
    const width = document.documentElement.clientWidth;
    tip.style.left = Math.max(8, Math.min(x + 12, width - tip.offsetWidth - 8)) + scrollX + "px";
    const below = y + 18 + tip.offsetHeight < innerHeight;
    tip.style.top = (below ? y + 18 : y - tip.offsetHeight - 10) + scrollY + "px";
  };
  addEventListener("resize", hide);
  const shown = (mark) => {
    const box = mark.getBoundingClientRect();
    return mark.tagName === "rect" ? box.width * box.height > 0 : box.width + box.height > 0; // zoom leaves bars without width
  };
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  for (const chart of all("svg.chart")) {
    for (const title of all("title", chart)) {
      if (title.parentNode === chart) continue;
      title.parentNode.dataset.tip = title.textContent;
      title.remove(); // else the browser shows a second one
    }
    chart.setAttribute("tabindex", "0");
    chart.setAttribute("role", "group");
    chart.setAttribute("aria-roledescription", "chart; arrow keys go from mark to mark");
    chart.addEventListener("pointermove", (e) => {
      if (!e.movementX && !e.movementY) return; // the page scrolled below the pointer
      const mark = e.target.closest("[data-tip]");
      if (mark) show(mark, e.clientX, e.clientY);
      else if (chart.contains(at)) hide();
    });
    chart.addEventListener("pointerleave", () => { if (chart.contains(at) && document.activeElement !== chart) hide(); });
    chart.addEventListener("blur", hide);
    chart.addEventListener("keydown", (e) => {
      if (e.key === "Escape") return hide();
      const marks = all("[data-tip]", chart).filter(shown);
      if (!marks.length || e.ctrlKey || e.altKey || e.metaKey) return;
      let to = marks.indexOf(at);
      if (e.key === "Home") to = 0;
      else if (e.key === "End") to = marks.length - 1;
      else if (step[e.key]) to = Math.max(0, Math.min(marks.length - 1, to < 0 ? 0 : to + step[e.key]));
      else return;
      e.preventDefault();
      const box = marks[to].getBoundingClientRect();
      show(marks[to], box.right, box.bottom - 10);
    });
  }

  // Arms: a legend's entry hides and shows what is drawn of it, in all charts.
  const toggles = all(".legend [data-s]");
  for (const entry of toggles) {
    const b = button("", "", () => toggle(entry.dataset.s, b.getAttribute("aria-pressed") === "true"));
    b.setAttribute("aria-pressed", "true");
    b.title = "hide or show in all charts";
    b.append(...entry.childNodes);
    entry.append(b);
  }
  const toggle = (series, off) => {
    const is = (s) => s === series || s.startsWith(series + ", ");
    for (const e of all("svg.chart [data-s]")) if (is(e.dataset.s)) e.classList.toggle("off", off);
    for (const e of toggles) if (is(e.dataset.s)) e.firstElementChild.setAttribute("aria-pressed", String(!off));
  };

  // Zoom: the charts of a group share one axis from 0 to data-zoom.
  const share = (e, name) => (e.getAttribute(name)?.endsWith("%") ? parseFloat(e.getAttribute(name)) / 100 : null);
  const niceStep = (least) => {
    const power = 10 ** Math.floor(Math.log10(least));
    return power * [1, 2, 2.5, 5, 10].find((d) => d * power >= least * (1 - 1e-9));
  };
  const drawn = (chart) => {
    const bars = [], lines = [], texts = [], ticks = [];
    for (const e of all("rect", chart)) if (share(e, "x") !== null && share(e, "width") !== null) bars.push({ e, from: share(e, "x"), to: share(e, "x") + share(e, "width") });
    for (const e of all("line", chart)) {
      if (e.classList.contains("grid")) ticks.push(e);
      else if (share(e, "x1") !== null) lines.push({ e, from: share(e, "x1"), to: share(e, "x2") });
    }
    for (const e of all("text", chart)) {
      if (e.classList.contains("tick") && share(e, "x") !== null) ticks.push(e);
      else if (share(e, "x") !== null) texts.push({ e, at: share(e, "x") });
    }
    const line = ticks.find((e) => e.tagName === "line"), text = ticks.find((e) => e.tagName === "text");
    return { chart, bars, lines, texts, ticks, line, text, end: parseFloat(chart.dataset.zoom), own: [] };
  };
  for (const group of all(".zoomed")) {
    const charts = all("svg[data-zoom]", group).map(drawn);
    if (!charts.length) continue;
    const { end } = charts[0], unit = charts[0].chart.dataset.unit;
    let low = 0, high = 1;
    const says = make("output");
    const draw = () => {
      const put = (f) => (f - low) / (high - low), pin = (f) => Math.max(0, Math.min(1, put(f)));
      const percent = (f) => +(f * 100).toFixed(4) + "%";
      const whole = low === 0 && high === 1;
      for (const c of charts) {
        for (const b of c.bars) {
          b.e.setAttribute("x", percent(pin(b.from)));
          b.e.setAttribute("width", percent(pin(b.to) - pin(b.from)));
        }
        for (const l of c.lines) {
          l.e.setAttribute("x1", percent(pin(l.from)));
          l.e.setAttribute("x2", percent(pin(l.to)));
          l.e.classList.toggle("away", put(l.to) < 0 || put(l.from) > 1);
        }
        for (const t of c.texts) {
          t.e.setAttribute("x", percent(pin(t.at)));
          t.e.classList.toggle("away", put(t.at) < 0 || put(t.at) > 1);
        }
        for (const e of c.own.splice(0)) e.remove();
        for (const e of c.ticks) e.classList.toggle("away", !whole);
        if (whole || !c.line || !c.text) continue;
        const by = niceStep(((high - low) * end) / 5);
        for (let i = Math.ceil((low * end) / by); i * by <= high * end * (1 + 1e-9); i++) {
          const x = percent(put((i * by) / end));
          const line = c.line.cloneNode(), text = c.text.cloneNode();
          for (const e of [line, text]) e.classList.remove("away");
          line.setAttribute("x1", x);
          line.setAttribute("x2", x);
          text.setAttribute("x", x);
          text.textContent = +(i * by).toPrecision(6);
          c.line.before(line);
          c.line.before(text);
          c.own.push(line, text);
        }
      }
      says.textContent = whole ? "all of it" : +(low * end).toPrecision(4) + " to " + +(high * end).toPrecision(4) + " " + unit;
      for (const [b, off] of [[out, whole], [back, low <= 0], [on, high >= 1], [reset, whole]]) b.setAttribute("aria-disabled", String(off));
    };
    const look = (from, to) => {
      const wide = Math.max(1e-4, Math.min(1, to - from));
      low = Math.max(0, Math.min(from, 1 - wide));
      high = low + wide > 1 - 1e-9 ? 1 : low + wide;
      hide();
      draw();
    };
    const about = (k) => look((low + high) / 2 - ((high - low) / 2) * k, (low + high) / 2 + ((high - low) / 2) * k);
    const shift = (k) => look(low + (high - low) * k, high + (high - low) * k);
    const into = button("+", "zoom in", () => about(0.5)), out = button("\u2212", "zoom out", () => about(2));
    const back = button("\u2190", "earlier", () => shift(-0.5)), on = button("\u2192", "later", () => shift(0.5));
    const reset = button("all", "all of the time", () => look(0, 1));
    const tools = make("div", { class: "tools", role: "group", "aria-label": "Zoom" });
    tools.append(into, out, back, on, reset, says, make("span", { class: "hint" }, "or drag over a part of the chart"));
    group.before(tools);
    for (const { chart } of charts) {
      let from = null;
      const where = (e) => {
        const box = chart.getBoundingClientRect();
        return low + Math.max(0, Math.min(1, (e.clientX - box.left) / box.width)) * (high - low);
      };
      chart.addEventListener("pointerdown", (e) => { if (e.button === 0 && e.pointerType !== "touch") from = where(e); });
      addEventListener("pointerup", (e) => {
        if (from === null) return;
        const to = where(e), a = Math.min(from, to), b = Math.max(from, to);
        from = null;
        if (b - a > 0.02 * (high - low)) look(a, b);
      });
    }
    draw();
  }

  // Tables: filter by words, sort by a column; by the exact value where a cell has one.
  const value = (row, i) => {
    const cell = row.cells[i], data = cell?.querySelector("data");
    return data ? parseFloat(data.value) : cell?.textContent.trim() ?? "";
  };
  const unknown = (v) => v === "" || v === "\u2013" || Number.isNaN(v);
  // What is unknown is last in either order, and words are behind numbers.
  const compare = (a, b, sign) => {
    if (unknown(a) || unknown(b)) return unknown(a) - unknown(b);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };
  for (const table of all("table:not(.matrix)")) {
    const body = table.tBodies[0], rows = [...body.rows];
    if (rows.length < 4) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, i) => {
      const b = button("", "", () => {
        const up = head.getAttribute("aria-sort") !== (head.classList.contains("n") ? "descending" : "ascending");
        const sign = up === head.classList.contains("n") ? -1 : 1;
        for (const h of heads) h.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        const sorted = rows.map((row) => [value(row, i), row]).sort((x, y) => compare(x[0], y[0], sign));
        body.append(...sorted.map((x) => x[1]));
      });
      b.append(...head.childNodes);
      head.append(b);
    });
    if (rows.length < 8) continue;
    const box = make("input", { type: "search", "aria-label": "Filter: " + table.caption.textContent, placeholder: "filter rows", autocomplete: "off", spellcheck: "false" });
    const says = make("output");
    const texts = rows.map((row) => row.textContent.toLowerCase());
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((w) => texts[i].includes(w));
        left += !row.hidden;
      });
      says.textContent = words.length ? left + " of " + rows.length + " rows" : "";
    });
    const tools = make("div", { class: "tools" });
    tools.append(box, says);
    table.parentNode.before(tools);
  }
})();
