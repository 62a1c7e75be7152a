"use strict";
// Nodes, charts and tables. Text of documents and words becomes text nodes, never markup:
// the page's policy (require-trusted-types-for) would refuse it.

function make(name, attributes, ...children) {
  const svg = /^(svg|g|circle|line|path|text|title)$/.test(name);
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function ticks(least, most, n) {
  const rough = (most - least) / n || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough);
  const found = [];
  for (let v = Math.ceil(least / step); v * step <= most + 1e-9 * step; v++) found.push(v * step);
  return found;
}

function chart({ width, at, values, errors, names, format, tell, zero }) {
  const w = Math.max(width, 220);
  const h = 190;
  const edge = { left: 52, right: 14, top: 10, bottom: 26 };
  const upper = values.map((v, i) => v + (errors ? errors[i] : 0));
  const lower = values.map((v, i) => Math.max(v - (errors ? errors[i] : 0), zero ? 0 : -Infinity));
  let least = zero ? 0 : Math.min(...lower);
  let most = Math.max(...upper);
  if (!(most > least)) [least, most] = zero ? [0, 1] : [least - 1, least + 1];
  const first = at[0];
  const wide = at[at.length - 1] - first || 1;
  const x = (v) => edge.left + ((w - edge.left - edge.right) * (v - first)) / wide;
  const y = (v) => h - edge.bottom - ((h - edge.top - edge.bottom) * (v - least)) / (most - least);
  const point = (v, i) => `${x(at[i]).toFixed(1)} ${y(v).toFixed(1)}`;
  const svg = make("svg", { width: w, height: h, viewBox: `0 0 ${w} ${h}`, role: "img" });
  for (const v of ticks(least, most, 4)) {
    svg.append(
      make("line", { class: "axis", x1: edge.left, x2: w - edge.right, y1: y(v), y2: y(v) }),
      make("text", { class: "soft", x: edge.left - 6, y: y(v) + 4, "text-anchor": "end" }, format(v)),
    );
  }
  const longest = Math.max(...names.map((n) => n.length));
  const every = Math.ceil((names.length * (7 * longest + 14)) / (w - edge.left));
  names.forEach((name, i) => {
    if (i % every) return;
    svg.append(make("text", { class: "soft", x: x(at[i]), y: h - 8, "text-anchor": "middle" }, name));
  });
  if (errors) {
    const back = lower.map(point).reverse();
    svg.append(make("path", { class: "band", d: `M${upper.map(point).join("L")}L${back.join("L")}Z` }));
  }
  svg.append(make("path", { class: "curve", d: `M${values.map(point).join("L")}` }));
  if (tell) {
    values.forEach((v, i) => {
      const dot = make("circle", { class: "dot", cx: x(at[i]), cy: y(v), r: 3 });
      dot.append(make("title", {}, tell(i)));
      svg.append(dot);
    });
  }
  return svg;
}

function table(head, body) {
  const row = (cells, name) => make("tr", {}, ...cells.map((cell) => make(name, {}, cell)));
  return make(
    "table",
    {},
    make("thead", {}, row(head, "th")),
    make("tbody", {}, ...body.map((cells) => row(cells, "td"))),
  );
}

