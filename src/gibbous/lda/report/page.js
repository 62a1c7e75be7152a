// Draws a topic report from the JSON in the page, with the functions of draw.js.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { topics, words, time, quality, history: run, facts } = data;
  const state = { topic: 0, lambda: 12, word: -1, order: "number" };
  const byId = (id) => document.getElementById(id);

  const fill = (id, ...children) => byId(id).replaceChildren(...children);
  const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
  const percent = (share, digits = 1) => (100 * share).toFixed(digits) + "%";
  const whole = (n) => Math.round(n).toLocaleString("en");
  const plural = (n, what) => `${whole(n)} ${what}${n === 1 ? "" : "s"}`;
  const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

  // --- the order of topics -------------------------------------------------------------------

  const ORDERS = {
    number: { name: "number", value: (t) => percent(t.share), of: (t, k) => -k },
    share: { name: "share", value: (t) => percent(t.share), of: (t) => t.share },
    c_npmi: { name: "coherence (NPMI)", value: (t) => t.c_npmi.toFixed(3), of: (t) => t.c_npmi },
    u_mass: { name: "coherence (UMass)", value: (t) => t.u_mass.toFixed(2), of: (t) => t.u_mass },
    exclusivity: {
      name: "exclusivity",
      value: (t) => t.exclusivity.toFixed(3),
      of: (t) => t.exclusivity,
    },
  };
  const known = (name) => topics.every((t) => name === "number" || typeof t[name] === "number");
  let sequence = topics.map((_, k) => k);

  function holds(k) {
    // the share of the word found that is topic k's, in percent
    if (state.word < 0) return 0;
    const pairs = words.topics[state.word];
    for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === k) return pairs[at + 1];
    return 0;
  }

  function arrange() {
    // topics of the word found come first
    const of = ORDERS[state.order].of;
    const held = topics.map((_, k) => holds(k));
    const before = (a, b) => held[b] - held[a] || of(topics[b], b) - of(topics[a], a) || a - b;
    sequence = topics.map((_, k) => k).sort(before);
    byId("list").append(...sequence.map((k) => rows[k]));
    rows.forEach((row, k) => row.lastChild.replaceChildren(valueOf(k)));
  }

  function valueOf(k) {
    if (state.word >= 0) return holds(k) ? holds(k) + "%" : "";
    return ORDERS[state.order].value(topics[k]);
  }

  // --- the list ------------------------------------------------------------------------------

  function sparkline(shares) {
    const top = Math.max(...shares, 1e-12);
    const n = Math.max(shares.length - 1, 1);
    const at = (v, i) => `${i ? "L" : "M"}${((60 * i) / n).toFixed(1)} ${(17 - (15 * v) / top).toFixed(1)}`;
    return make(
      "svg",
      { width: 60, height: 18, viewBox: "0 0 60 18", "aria-hidden": "true" },
      make("path", { class: "curve", d: shares.map(at).join("") }),
    );
  }

  const rows = topics.map((topic, k) => {
    const row = make(
      "div",
      { class: "row", role: "option", id: `row-${k}`, "aria-selected": "false" },
      make("span", { class: "number" }, String(k)),
      make("span", {}, topic.label),
      time && time.periods.length > 1 ? sparkline(time.shares[k]) : make("span"),
      make("span", { class: "value" }, percent(topic.share)),
    );
    row.addEventListener("click", () => choose(k));
    return row;
  });

  // --- the map -------------------------------------------------------------------------------

  let circles = [];

  function span(of) {
    const all = topics.map(of);
    return [Math.min(...all), Math.max(...all)];
  }

  function drawMap() {
    const width = Math.max(byId("map").clientWidth, 200);
    const [left, right] = span((t) => t.x);
    const [bottom, top] = span((t) => t.y);
    const shape = right > left ? (top - bottom) / (right - left) : 1;
    const tallest = Math.min(0.8 * width, 0.5 * window.innerHeight);
    const height = clamp(width * shape, Math.min(240, width), Math.max(240, tallest));
    // all circles together cover a fifth of the map, and the largest is no giant
    const most = Math.sqrt(Math.max(...topics.map((t) => t.share)));
    const unit = Math.min(Math.sqrt((0.2 * width * height) / Math.PI), (0.12 * height) / most);
    const pad = unit * most + 4;
    const scale = Math.min(
      (width - 2 * pad) / Math.max(right - left, 1e-9),
      (height - 2 * pad) / Math.max(top - bottom, 1e-9),
    );
    circles = topics.map((t) => ({
      x: width / 2 + scale * (t.x - (left + right) / 2),
      y: height / 2 - scale * (t.y - (top + bottom) / 2),
      r: Math.max(unit * Math.sqrt(t.share), 3),
    }));
    if (byId("apart").checked) pushApart(width, height);
    const box = { width, height, viewBox: `0 0 ${width} ${height}`, role: "presentation" };
    const svg = make("svg", box);
    const bySize = topics.map((_, k) => k).sort((a, b) => topics[b].share - topics[a].share);
    for (const k of bySize) svg.append(drawCircle(k));
    byId("map").replaceChildren(svg);
    labelMap(bySize, width, height);
  }

  function drawCircle(k) {
    const { x, y, r } = circles[k];
    const circle = make("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: r.toFixed(1) });
    circle.append(make("title", {}, `${named(k)}, ${percent(topics[k].share)}`));
    const group = make(
      "g",
      { role: "option", id: `circle-${k}`, "aria-selected": "false", "aria-label": named(k) },
      circle,
    );
    group.addEventListener("click", () => choose(k));
    circles[k].group = group;
    return group;
  }

  function pushApart(width, height) {
    // circles that overlap push each other away, a little at a time and always in the same way
    for (let round = 0; round < 80; round++) {
      let moved = false;
      circles.forEach((a, i) => {
        for (let j = 0; j < i; j++) {
          const b = circles[j];
          const dx = a.x - b.x || 1e-3 * (i - j);
          const dy = a.y - b.y;
          const near = a.r + b.r + 1;
          if (Math.abs(dx) > near || Math.abs(dy) > near) continue;
          const far = Math.hypot(dx, dy);
          if (far >= near) continue;
          const push = (0.25 * (near - far)) / far;
          a.x += push * dx;
          a.y += push * dy;
          b.x -= push * dx;
          b.y -= push * dy;
          moved = true;
        }
      });
      for (const c of circles) {
        c.x = clamp(c.x, c.r + 2, width - c.r - 2);
        c.y = clamp(c.y, c.r + 2, height - c.r - 2);
      }
      if (!moved) return;
    }
  }

  function labelMap(bySize, width, height) {
    // numbers within circles, then labels beside them, each where it meets nothing written before
    // and no circle's middle; the large circles come first
    const meets = (o, box) =>
      o.right > box.left && o.left < box.right && o.bottom > box.top && o.top < box.bottom;
    const around = (x, y, half, tall = 7) => ({
      left: x - half,
      right: x + half,
      top: y - tall,
      bottom: y + tall,
    });
    const numbers = [];
    for (const k of bySize) {
      const { x, y, r, group } = circles[k];
      const half = 3.6 * String(k).length;
      const box = around(x, y, half);
      if (half > r || numbers.some((o) => meets(o, box))) continue;
      numbers.push(box);
      group.append(make("text", { x, y: y + 4, "text-anchor": "middle" }, String(k)));
    }
    const middles = circles.map(({ x, y, r }) => around(x, y, 0.7 * r, 0.7 * r));
    const taken = [...numbers, ...middles];
    for (const k of bySize) {
      const { x, y, r, group } = circles[k];
      const text = short(topics[k].label, 26);
      const half = 2.9 * text.length;
      const places = [
        [x + r + 3 + half, y, "start", -half],
        [x - r - 3 - half, y, "end", half],
        [x, y + r + 8, "middle", 0],
        [x, y - r - 8, "middle", 0],
      ];
      for (const [middle, level, anchor, shift] of places) {
        const box = around(middle, level, half);
        const out = box.left < 1 || box.right > width - 1 || box.top < 1 || box.bottom > height - 1;
        if (out || taken.some((o) => meets(o, box))) continue;
        taken.push(box);
        const at = { x: middle + shift, y: level + 4, "text-anchor": anchor, class: "words" };
        group.append(make("text", at, text));
        break;
      }
    }
  }

  function markMap() {
    const svg = byId("map").firstChild;
    svg.classList.toggle("searched", state.word >= 0);
    circles.forEach(({ group }, k) => {
      const share = holds(k) / 100;
      group.classList.toggle("chosen", k === state.topic);
      group.classList.toggle("held", share > 0);
      group.setAttribute("aria-selected", String(k === state.topic));
      const opacity = state.word < 0 ? "" : String(share && 0.25 + 0.75 * share);
      group.firstChild.style.fillOpacity = opacity;
    });
    byId("map").setAttribute("aria-activedescendant", `circle-${state.topic}`);
    // what is chosen has a label whatever is around it
    svg.querySelector("#chosen-label")?.remove();
    const { x, y, r, group } = circles[state.topic];
    if (group.querySelector(".words")) return;
    const width = Number(svg.getAttribute("width"));
    const toLeft = x > width / 2;
    const place = toLeft ? { x: x - r - 4, "text-anchor": "end" } : { x: x + r + 4 };
    const room = Math.floor((toLeft ? x - r - 6 : width - x - r - 6) / 7.4);
    const text = short(`${state.topic}: ${topics[state.topic].label}`, clamp(room, 3, 30));
    svg.append(make("text", { id: "chosen-label", y: y + 4, ...place }, text));
  }

  // --- one topic -----------------------------------------------------------------------------

  const named = (k) => `Topic ${k}: ${topics[k].label}`;

  function choose(k) {
    state.topic = k;
    rows.forEach((row, at) => row.setAttribute("aria-selected", String(at === k)));
    byId("list").setAttribute("aria-activedescendant", `row-${k}`);
    const list = byId("list");
    const row = rows[k];
    // scrolls the list, never the page
    if (row.offsetTop < list.scrollTop) list.scrollTop = row.offsetTop;
    const beyond = row.offsetTop + row.offsetHeight - list.clientHeight;
    if (beyond > list.scrollTop) list.scrollTop = beyond;
    markMap();
    drawTopic();
    drawWords();
    drawTime();
    drawDocuments();
    try {
      history.replaceState(null, "", `#topic-${k}`);
    } catch {
      // a frame without an address, as in a notebook, has no history to change
    }
  }

  function drawTopic() {
    const t = topics[state.topic];
    fill("topic-title", named(state.topic));
    const told = [
      `${percent(t.share)} of all words (${plural(t.tokens, "token")})`,
      `prior ${t.prior}`,
    ];
    if (t.c_npmi !== undefined) told.push(`coherence ${t.c_npmi} (NPMI), ${t.u_mass} (UMass)`);
    if (t.exclusivity !== undefined) told.push(`exclusivity ${t.exclusivity}`);
    fill("topic-facts", told.join(" · "));
  }

  function relevant(k, lambda) {
    // lambda log p(w|k) + (1 - lambda) log lift, as log p(w|k) - (1 - lambda) log p(w)
    const t = topics[k];
    return t.words
      .map((word, at) => ({
        word,
        p: t.p[at],
        score: Math.log(t.p[at]) - (1 - lambda) * Math.log(words.p[word]),
      }))
      .sort((a, b) => b.score - a.score || a.word - b.word)
      .slice(0, data.shownWords);
  }

  function drawWords() {
    const lambda = data.lambdas[state.lambda];
    byId("lambda-value").textContent = lambda.toFixed(2);
    byId("lambda").setAttribute("aria-valuetext", `lambda ${lambda.toFixed(2)}`);
    const best = relevant(state.topic, lambda);
    const total = topics.reduce((sum, t) => sum + t.tokens, 0);
    const own = topics[state.topic].share * total;
    const most = Math.max(...best.map((w) => words.p[w.word] * total), 1e-12);
    const items = best.map(({ word, p }) => {
      const everywhere = words.p[word] * total;
      const here = Math.min(p * own, everywhere);
      const button = make("button", { type: "button", class: "plain" }, words.text[word]);
      button.addEventListener("click", () => search(word === state.word ? -1 : word, true));
      const bars = [make("span"), make("span", { class: "in" })];
      bars[0].style.width = `${(100 * everywhere) / most}%`;
      bars[1].style.width = `${(100 * here) / most}%`;
      const title = `${whole(here)} of ${whole(everywhere)} tokens are in this topic`;
      return make(
        "li",
        word === state.word ? { class: "searched" } : {},
        button,
        make("div", { class: "bar", title, role: "img", "aria-label": title }, ...bars),
        make("span", { class: "count" }, whole(here)),
      );
    });
    if (items.length) fill("words", ...items);
    else fill("words", make("li", {}, "No token has this topic."));
  }

  function drawTime() {
    if (!time) return;
    byId("time-section").hidden = false;
    const shares = time.shares[state.topic];
    const errors = time.errors[state.topic].map((e) => (e === null ? 0 : 1.96 * e));
    const tell = (i) =>
      `${time.periods[i]}: ${percent(shares[i])} ± ${percent(errors[i])} of ` +
      plural(time.documents[i], "document");
    const svg = chart({
      width: byId("time").clientWidth,
      at: time.at,
      values: shares,
      errors,
      names: time.periods,
      format: (v) => percent(v, v > 0 && v < 0.02 ? 1 : 0),
      tell,
      zero: true,
    });
    const peak = shares.indexOf(Math.max(...shares));
    svg.setAttribute("aria-label", `Share by ${time.by}; most in ${tell(peak)}`);
    byId("time-title").textContent = `Over time, by ${time.by === "date" ? "period" : time.by}`;
    fill("time", svg);
    fill(
      "time-table",
      table(
        ["from", "share", "± (95%)", "documents"],
        shares.map((v, i) => [
          time.periods[i],
          percent(v, 2),
          time.errors[state.topic][i] === null ? "–" : percent(errors[i], 2),
          whole(time.documents[i]),
        ]),
      ),
    );
  }

  function drawDocuments() {
    const found = topics[state.topic].documents;
    byId("documents-section").hidden = !found.length;
    fill("documents", ...found.map(drawDocument));
  }

  function drawDocument(found) {
    const head = [...(found.about || []), `document ${found.number}`, percent(found.share, 0)];
    const box = make("div", { class: "document" }, make("h4", {}, head.join(" · ")));
    const pieces = (found.pieces || []).map((piece) =>
      typeof piece === "string" ? piece : make("span", { class: `level${piece[1]}` }, piece[0]),
    );
    if (pieces.length) box.append(make("p", { dir: "auto" }, ...pieces));
    return box;
  }

  // --- the search ----------------------------------------------------------------------------

  const fold = (text) => text.normalize("NFC").toLowerCase();
  const folded = words.text.map(fold);
  const byFrequency = words.text.map((_, w) => w).sort((a, b) => words.p[b] - words.p[a]);

  function matches(query) {
    const exact = byFrequency.filter((w) => folded[w] === query);
    const begin = byFrequency.filter((w) => folded[w] !== query && folded[w].startsWith(query));
    const within = byFrequency.filter((w) => folded[w].indexOf(query) > 0);
    return [...exact, ...begin, ...within].slice(0, 8);
  }

  function search(word, typed) {
    state.word = word;
    if (typed) byId("search").value = word < 0 ? "" : words.text[word];
    rows.forEach((row, k) => row.classList.toggle("held", holds(k) > 0));
    arrange();
    if (word >= 0) byId("list").scrollTop = 0;
    markMap();
    drawWords();
    showFound([]);
  }

  function showFound(others) {
    if (state.word < 0) return fill("found");
    const pairs = words.topics[state.word];
    const parts = [make("span", { class: "word" }, words.text[state.word])];
    parts.push(pairs.length ? ` (${(1e6 * words.p[state.word]).toPrecision(2) * 1} per million words): ` : " has no typical topic. ");
    for (let at = 0; at < pairs.length; at += 2) {
      const k = pairs[at];
      const text = `${pairs[at + 1]}% topic ${k}`;
      const button = make("button", { type: "button", title: topics[k].label }, text);
      button.addEventListener("click", () => choose(k));
      parts.push(button);
    }
    if (others.length) parts.push(" Also: ");
    for (const w of others) {
      const button = make("button", { type: "button" }, words.text[w]);
      button.addEventListener("click", () => search(w, true));
      parts.push(button);
    }
    return fill("found", ...parts);
  }

  function typed() {
    const query = fold(byId("search").value.trim());
    if (!query) return search(-1, false);
    const found = matches(query);
    search(found.length ? found[0] : -1, false);
    if (found.length) return showFound(found.slice(1));
    const which = words.all ? "of the model" : "on this page, which lists the most frequent ones";
    return fill("found", `No word ${which} contains “${byId("search").value.trim()}”.`);
  }

  // --- the model as a whole ------------------------------------------------------------------

  function drawFacts() {
    document.title = data.title;
    byId("title").textContent = data.title;
    const told = [
      plural(facts.topics, "topic"),
      `fitted to ${plural(facts.documents, "document")}`,
      `${whole(facts.tokens)} tokens of ${plural(facts.words, "word")}`,
    ];
    if (facts.corpus && facts.corpus[0] !== facts.documents)
      told.push(`shown with ${plural(facts.corpus[0], "document")}, ${whole(facts.corpus[1])} tokens`);
    byId("facts").textContent = told.join(" · ");
  }

  const MEASURES = {
    c_npmi: (n) => `Coherence, NPMI: do a topic’s ${n} most probable words occur together? From -1 to 1.`,
    u_mass: (n) => `Coherence, UMass: the same by counts of documents; 0 is best.`,
    exclusivity: (n) => `Exclusivity: the share of its ${n} most probable words that belongs to the topic; at most 1.`,
    diversity: (n) => `Diversity: the share of different words among the ${n} most probable ones of all topics; at most 1.`,
    perplexity: () =>
      "Perplexity of one half of each document given the other; lower is better. It measures the " +
      "model only if the documents are not those of the fit.",
    joint: () => "Joint log-likelihood per token in the last state of the fit, in nats.",
  };

  function drawQuality() {
    const shown = Object.keys(MEASURES).filter((name) => name in quality && quality[name] !== null);
    fill(
      "quality",
      ...shown.map((name) =>
        make(
          "div",
          { class: "measure" },
          make("strong", {}, quality[name].toLocaleString("en", { maximumSignificantDigits: 5 })),
          MEASURES[name](quality.top),
        ),
      ),
    );
  }

  function drawCharts() {
    const width = Math.min(byId("charts").clientWidth, 560);
    const draw = (title, at, values) => {
      const usable = values.map((v, i) => [at[i], v]).filter(([, v]) => v !== null);
      if (usable.length < 2) return null;
      const svg = chart({
        width,
        at: usable.map(([a]) => a),
        values: usable.map(([, v]) => v),
        names: usable.map(([a]) => String(a)),
        format: (v) => String(+v.toPrecision(4)),
      });
      svg.setAttribute("aria-label", title);
      return make("figure", {}, make("figcaption", {}, title), svg);
    };
    // between two evaluations the value stays
    const seen = run.values.map((v, i) => (i && v === run.values[i - 1] ? null : v));
    const sweeps = run.values.map((_, i) => i + 1);
    const held = run.heldOut;
    const charts = [
      draw(`${run.metric[0].toUpperCase()}${run.metric.slice(1)}, by sweep`, sweeps, seen),
      draw("Perplexity of held-out documents, by sweep", held.map((p) => p[0]), held.map((p) => p[1])),
    ];
    fill("charts", ...charts.filter((node) => node));
  }

  function drawSettings() {
    for (const [name, value] of data.settings)
      byId("settings").append(make("dt", {}, name), make("dd", {}, value));
    const version = data.settings.find(([name]) => name === "version of gibbous");
    byId("version").textContent = version ? version[1] : "";
  }

  // --- keys ----------------------------------------------------------------------------------

  function step(by) {
    const at = sequence.indexOf(state.topic);
    choose(sequence[clamp(at + by, 0, sequence.length - 1)]);
  }

  const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, Home: -1e9, End: 1e9 };

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const field = event.target.matches("input, select, textarea");
    if (event.key === "Escape" && event.target.id === "search") {
      search(-1, true);
    } else if (event.key === "Enter" && event.target.id === "search" && state.word >= 0) {
      const pairs = words.topics[state.word];
      if (pairs.length) choose(pairs[0]);
    } else if (event.key === "/" && !field) {
      event.preventDefault();
      byId("search").focus();
    } else if (event.key in STEPS && !field) {
      // up and down scroll the page but in the map and the list
      const inside = event.target.closest("#map, #list");
      if (!inside && !/Left|Right/.test(event.key)) return;
      event.preventDefault();
      step(STEPS[event.key]);
    }
  }

  function redraw() {
    drawMap();
    markMap();
    drawTime();
    drawCharts();
  }

  function begin() {
    drawFacts();
    drawQuality();
    drawSettings();
    for (const [name, order] of Object.entries(ORDERS))
      if (known(name)) byId("order").append(make("option", { value: name }, order.name));
    byId("levels-note").textContent = topics.some((t) => t.documents.some((d) => d.pieces))
      ? "Darker words are more probably of this topic."
      : "The documents of the fit with the largest shares; pass the corpus to see their words.";
    byId("lambda").value = String(state.lambda);
    byId("lambda").addEventListener("input", (event) => {
      state.lambda = Number(event.target.value);
      drawWords();
    });
    byId("apart").checked = topics.length > 100;
    byId("apart").addEventListener("change", () => {
      drawMap();
      markMap();
    });
    byId("order").addEventListener("change", (event) => {
      state.order = event.target.value;
      arrange();
      choose(state.topic);
    });
    byId("search").addEventListener("input", typed);
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    document.addEventListener("keydown", onKey);
    arrange();
    drawMap();
    drawCharts();
    const asked = /^#topic-(\d+)$/.exec(location.hash);
    choose(asked && Number(asked[1]) < topics.length ? Number(asked[1]) : 0);
    let width = window.innerWidth;
    window.addEventListener("resize", () => {
      if (window.innerWidth !== width) redraw();
      width = window.innerWidth;
    });
    window.addEventListener("beforeprint", () => {
      byId("settings-details").open = true;
    });
    document.body.dataset.ready = "yes";
  }

  begin();
})();
