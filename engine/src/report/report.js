// The table of alerts. Everything shown is set as text: alerts are written by attackers, so no value is
// ever parsed as HTML. Positions in `rules` and `rows` are those that mod.rs writes.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const index = JSON.parse(byId("index").textContent);
  const rows = index.rows;
  if (!rows.length) return;

  const TIME = 0, RULE = 1, DATASET = 2, TENANT = 3, HOSTS = 4, USERS = 5, ADDRESSES = 6, PROCESSES = 7, BUCKET = 8;
  const RULE_ID = 0, RULE_TITLE = 1, RULE_LEVEL = 2, RULE_TAGS = 3, RULE_TACTICS = 4, RULE_TECHNIQUES = 5;
  const number = new Intl.NumberFormat("en-US");

  // Control characters and marks that reorder text are shown by name; escape.rs has the same set.
  const DECEPTIVE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const plain = (text) => String(text).replace(DECEPTIVE, (c) => "\\u{" + c.codePointAt(0).toString(16) + "}");

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = plain(text);
    return made;
  }

  // Details: blocks of one JSON line an alert, cut into lines when first needed.
  const blocks = Array.from(document.querySelectorAll("script.details"));
  const lines = new Array(blocks.length);
  function detailLine(row) {
    const block = Math.floor(row / index.block);
    if (!lines[block]) {
      lines[block] = blocks[block].textContent.split("\n");
      blocks[block].remove();
    }
    return lines[block][row % index.block];
  }

  const levelOf = (row) => index.rules[rows[row][RULE]][RULE_LEVEL];
  const names = (dictionary, numbers) => numbers.map((at) => dictionary[at]);

  // Figures that are drawn beside one another where there is no series: what was found, then what it is judged by.
  const BESIDE = [
    ["peers_with", "peers"], ["speed_kmh", "limit_kmh"], ["seconds", "usual_seconds", "limit_seconds"],
    ["callbacks", "missing"], ["share", "usual_share"], ["names", "at_least"],
  ];

  // Filters: what the charts and the two lists choose.
  const NAMES = { level: "level", rule: "rule", host: "host", user: "user", tactic: "tactic", technique: "technique", bucket: "from", dataset: "dataset" };
  const filters = new Map();
  const TESTS = {
    level: (row, at) => levelOf(row) === at,
    rule: (row, at) => rows[row][RULE] === at,
    dataset: (row, at) => rows[row][DATASET] === at,
    host: (row, at) => rows[row][HOSTS].includes(at),
    user: (row, at) => rows[row][USERS].includes(at),
    bucket: (row, at) => rows[row][BUCKET] === at,
    tactic: (row, at) => index.rules[rows[row][RULE]][RULE_TACTICS].includes(at),
    technique: (row, at) => index.rules[rows[row][RULE]][RULE_TECHNIQUES].includes(at),
  };
  const valueName = (kind, at) => kind === "rule" ? index.rules[at][RULE_TITLE] : index[kind][at];

  // Search: every word must occur in the row's own text or, if asked for, in the line of its details.
  // That line is JSON as push_script_json writes it, so the word is written the same way.
  const ruleText = index.rules.map((rule) =>
    [rule[RULE_ID], rule[RULE_TITLE], index.level[rule[RULE_LEVEL]], ...rule[RULE_TAGS],
      ...names(index.tactic, rule[RULE_TACTICS]), ...names(index.technique, rule[RULE_TECHNIQUES])].join("\n"));
  function rowText(row) {
    const cells = rows[row];
    return [ruleText[cells[RULE]], cells[TIME], cells[TIME].replace("T", " "), index.dataset[cells[DATASET]], index.tenant[cells[TENANT]],
      ...names(index.host, cells[HOSTS]), ...names(index.user, cells[USERS]),
      ...names(index.address, cells[ADDRESSES]), ...names(index.process, cells[PROCESSES])].join("\n");
  }
  const literal = (text) => new RegExp(text.replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&"), "i");
  const asJson = (text) => JSON.stringify(text).slice(1, -1)
    .replace(/[<>&\u2028\u2029]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  function searchTerms(text) {
    const found = [];
    for (const match of text.matchAll(/"([^"]+)"|([^\s"]+)/g)) {
      const word = match[1] || match[2];
      found.push({ row: literal(word), json: literal(asJson(word)) });
    }
    return found;
  }

  let shown = [];
  let page = 0;
  let sortBy = "level";
  let falling = true;
  const opened = new Set();

  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const compareText = (a, b) => collator.compare(a || "", b || "");
  const first = (dictionary, column) => (row) => dictionary[rows[row][column][0]];
  const KEYS = {
    rule: (row) => index.rules[rows[row][RULE]][RULE_TITLE],
    host: first(index.host, HOSTS),
    user: first(index.user, USERS),
    process: first(index.process, PROCESSES),
    dataset: (row) => index.dataset[rows[row][DATASET]],
  };
  // Times of one form sort as text, which is much faster than the collator.
  const compareTime = (a, b) => rows[a][TIME] < rows[b][TIME] ? -1 : rows[a][TIME] > rows[b][TIME] ? 1 : a - b;
  function comparison() {
    const sign = falling ? -1 : 1;
    if (sortBy === "time") return (a, b) => sign * compareTime(a, b);
    if (sortBy === "level") return (a, b) => -sign * (levelOf(a) - levelOf(b)) || compareTime(a, b);
    const key = KEYS[sortBy];
    return (a, b) => sign * compareText(key(a), key(b)) || compareTime(a, b);
  }

  function select() {
    const terms = searchTerms(byId("search").value);
    const deep = byId("deep").checked;
    const active = Array.from(filters, ([kind, at]) => (row) => TESTS[kind](row, at));
    shown = [];
    for (let row = 0; row < rows.length; row++) {
      if (!active.every((test) => test(row))) continue;
      if (terms.length) {
        const text = rowText(row);
        const found = terms.every((term) => term.row.test(text) || (deep && term.json.test(detailLine(row))));
        if (!found) continue;
      }
      shown.push(row);
    }
    shown.sort(comparison());
    page = 0;
    draw();
  }

  function listCell(dictionary, numbers, shorten) {
    const cell = element("td");
    if (!numbers.length) return cell;
    const all = names(dictionary, numbers);
    cell.title = all.map(plain).join("\n");
    cell.append(element("bdi", "", shorten ? shorten(all[0]) : all[0]));
    if (all.length > 1) cell.append(element("span", "more", " +" + (all.length - 1)));
    return cell;
  }
  const fileName = (path) => path.slice(Math.max(path.lastIndexOf("\\"), path.lastIndexOf("/")) + 1) || path;
  const shortTime = (time) => time.slice(0, 19).replace("T", " ");

  function drawRow(row) {
    const cells = rows[row];
    const rule = index.rules[cells[RULE]];
    const level = index.level[rule[RULE_LEVEL]];
    const line = element("tr", "alert");
    line.dataset.row = row;
    const toggle = element("button", "toggle", "\u25B8");
    toggle.type = "button";
    toggle.setAttribute("aria-expanded", "false");
    toggle.setAttribute("aria-label", "Details");
    const open = element("td");
    open.append(toggle);
    const badge = element("td");
    badge.append(element("span", "badge " + level, level));
    const time = element("td", "time", shortTime(cells[TIME]));
    time.title = plain(cells[TIME]);
    const title = element("td");
    title.append(element("bdi", "", rule[RULE_TITLE]));
    line.append(open, badge, time, title, listCell(index.host, cells[HOSTS]), listCell(index.user, cells[USERS]),
      listCell(index.process, cells[PROCESSES], fileName), element("td", "", index.dataset[cells[DATASET]]));
    return line;
  }

  // JSON with two-space indents, one span per token.
  function drawJson(into, value, indent) {
    const inner = indent + "  ";
    if (value !== null && typeof value === "object") {
      const list = Array.isArray(value);
      const entries = Object.entries(value);
      if (!entries.length) {
        into.append(list ? "[]" : "{}");
        return;
      }
      into.append(list ? "[\n" : "{\n");
      entries.forEach(([key, item], at) => {
        into.append(inner);
        if (!list) into.append(element("span", "key", JSON.stringify(key)), ": ");
        drawJson(into, item, inner);
        into.append(at + 1 < entries.length ? ",\n" : "\n");
      });
      into.append(indent + (list ? "]" : "}"));
    } else {
      into.append(element("span", typeof value === "string" ? "string" : "number", JSON.stringify(value)));
    }
  }

  function fact(into, name, values) {
    const kept = values.filter((value) => value !== "");
    if (!kept.length) return;
    into.append(element("dt", "", name));
    const cell = element("dd");
    kept.forEach((value, at) => {
      if (at) cell.append(", ");
      cell.append(element("bdi", "", value));
    });
    into.append(cell);
  }

  function drawDetail(row) {
    const cells = rows[row];
    const rule = index.rules[cells[RULE]];
    const detail = JSON.parse(detailLine(row));
    const line = element("tr", "detail");
    const cell = element("td");
    cell.colSpan = 8;
    const facts = element("dl", "facts");
    fact(facts, "Rule", [rule[RULE_TITLE] + " (" + rule[RULE_ID] + ")"]);
    fact(facts, "ATT&CK", [...names(index.tactic, rule[RULE_TACTICS]), ...names(index.technique, rule[RULE_TECHNIQUES])]);
    fact(facts, "Tags", rule[RULE_TAGS]);
    fact(facts, "Time", [cells[TIME]]);
    fact(facts, "Hosts", names(index.host, cells[HOSTS]));
    fact(facts, "Users", names(index.user, cells[USERS]));
    fact(facts, "Addresses", names(index.address, cells[ADDRESSES]));
    fact(facts, "Processes", names(index.process, cells[PROCESSES]));
    fact(facts, "Tenant", [index.tenant[cells[TENANT]]]);
    fact(facts, "Alert id", [detail.id]);
    fact(facts, "Event id", [detail.event_id]);
    cell.append(facts, element("h3", "", "What matched"));
    const table = element("table", "matched");
    const head = element("tr");
    for (const name of ["Selection", "Field", "Asked for", "Value"]) head.append(element("th", "", name));
    table.append(head);
    for (const match of detail.matched) {
      const entry = element("tr");
      const field = !match.field ? match.column
        : match.field === match.column ? match.field : match.field + " (" + match.column + ")";
      for (const text of [match.selection, field, match.matcher, match.value]) entry.append(element("td", "", text));
      table.append(entry);
    }
    if (detail.matched.length) cell.append(table);
    else cell.append(element("p", "none", "the rule matched by what the event does not contain"));
    const found = detail.correlation;
    if (found) {
      cell.append(element("h3", "", "What was counted"));
      const counted = element("dl");
      fact(counted, "Condition", [found.condition]);
      fact(counted, "Events", [number.format(found.count)]);
      fact(counted, "First to last", [found.first + " to " + found.last]);
      if (found.until) fact(counted, "Held until", [found.until]);
      for (const rule of found.rules) fact(counted, rule.title, [number.format(rule.count)]);
      for (const [name, value] of Object.entries(found.figures || {})) fact(counted, name.replace(/_/g, " "), [String(Number(value.toPrecision(4)))]);
      cell.append(counted);
      drawFound(cell, found);
      cell.append(element("h3", "", "Some of the events"));
      for (const shown of found.evidence) {
        const one = element("details");
        one.append(element("summary", "", [shown.time, shown.rule, shown.dataset, shown.event_id].filter(Boolean).join(" · ")));
        if (shown.found) {
          one.append(element("p", "", shown.found.summary));
          drawFound(one, shown.found);
        } else {
          const json = element("pre");
          drawJson(json, shown.event, "");
          one.append(json);
        }
        cell.append(one);
      }
      line.append(cell);
      return line;
    }
    const heading = element("h3", "", "Event");
    if (navigator.clipboard) {
      const copy = element("button", "copy", "Copy JSON");
      copy.type = "button";
      copy.addEventListener("click", () => {
        navigator.clipboard.writeText(JSON.stringify(detail.event, null, 2)).then(
          () => { copy.textContent = "Copied"; },
          () => { copy.textContent = "The browser refused"; });
      });
      heading.append(copy);
    }
    const json = element("pre");
    drawJson(json, detail.event, "");
    cell.append(heading, json);
    line.append(cell);
    return line;
  }

  /// A part of a drawing.
  function make(tag, attributes) {
    // The page names no address: the name space is that of a drawing that stands in it.
    const made = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  /// What a statistic found, drawn: its series if it has one, else the figures that mean something beside one another.
  function drawFound(into, found) {
    const figures = found.figures || {};
    if (found.series && found.series.length) {
      into.append(drawSeries(found.series, figures));
      return;
    }
    for (const names of BESIDE) {
      const known = names.filter((name) => figures[name] !== undefined);
      if (known.length === names.length) {
        into.append(drawFigures(known.map((name) => [name.replace(/_/g, " "), figures[name]])));
        return;
      }
    }
  }

  /// Figures of one unit as bars below each other, the first being what was found.
  function drawFigures(figures) {
    const width = 480, line = 22, from = 130, room = 260;
    const most = Math.max(...figures.map(([, value]) => value)) || 1;
    const plot = make("svg", { viewBox: `0 0 ${width} ${line * figures.length}`, width, height: line * figures.length, role: "img", class: "series" });
    figures.forEach(([name, value], place) => {
      const label = make("text", { x: 0, y: place * line + 15, class: "tick" });
      label.textContent = name;
      const length = Math.max(1, room * Math.max(0, value) / most);
      const bar = make("rect", { x: from, y: place * line + 3, width: length, height: line - 6, class: place ? "bar" : "found" });
      const text = make("text", { x: from + length + 6, y: place * line + 15, class: "tick" });
      text.textContent = String(Number(value.toPrecision(3)));
      plot.append(label, bar, text);
    });
    return plot;
  }

  /// Numbers of the last intervals as bars, before the band of what is usual.
  function drawSeries(series, figures) {
    const width = 480, height = 90;
    const top = Math.max(...series, figures.high || 0), bottom = Math.min(0, ...series);
    const y = (value) => height * (1 - (Math.min(Math.max(value, bottom), top) - bottom) / (top - bottom || 1));
    const plot = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "series" });
    const title = make("title", {});
    title.textContent = "The last " + series.length + " intervals; the band is what was expected of the last one";
    plot.append(title);
    if (figures.high !== undefined) {
      plot.append(make("rect", { class: "band", x: 0, width, y: y(figures.high), height: Math.max(1, y(figures.low) - y(figures.high)) }));
    }
    series.forEach((value, place) => {
      const step = width / series.length;
      const bar = { x: place * step + 1, width: Math.max(1, step - 2), y: Math.min(y(value), y(0)), height: Math.max(1, Math.abs(y(0) - y(value))) };
      plot.append(make("rect", { ...bar, class: place === series.length - 1 ? "found" : "bar" }));
    });
    return plot;
  }

  const pageSize = () => Number(byId("size").value) || Math.max(shown.length, 1);

  function draw() {
    const size = pageSize();
    const pages = Math.max(1, Math.ceil(shown.length / size));
    page = Math.min(page, pages - 1);
    const from = page * size;
    const part = shown.slice(from, from + size);
    const body = document.createDocumentFragment();
    for (const row of part) {
      const line = drawRow(row);
      body.append(line);
      if (opened.has(row)) {
        line.querySelector(".toggle").setAttribute("aria-expanded", "true");
        body.append(drawDetail(row));
      }
    }
    byId("rows").replaceChildren(body);
    const of = shown.length === rows.length ? "" : " of " + number.format(rows.length);
    byId("shown").textContent = number.format(shown.length) + of
      + (pages > 1 ? ", rows " + number.format(from + 1) + " to " + number.format(from + part.length) : "");
    byId("page").textContent = "Page " + number.format(page + 1) + " of " + number.format(pages);
    byId("pages").hidden = pages === 1;
    byId("previous").disabled = page === 0;
    byId("next").disabled = page === pages - 1;
    drawChips();
  }

  function drawChips() {
    const chips = Array.from(filters, ([kind, at]) => {
      const chip = element("button", "", NAMES[kind] + ": " + valueName(kind, at) + " \u00D7");
      chip.type = "button";
      chip.title = "Remove this filter";
      chip.addEventListener("click", () => setFilter(kind, null));
      return chip;
    });
    byId("chips").replaceChildren(...chips);
  }

  function setFilter(kind, at) {
    if (at === null || filters.get(kind) === at) filters.delete(kind);
    else filters.set(kind, at);
    if (kind === "level" || kind === "dataset") byId(kind).value = filters.has(kind) ? String(filters.get(kind)) : "";
    select();
  }

  // Wiring.
  for (const kind of ["level", "dataset"]) {
    const list = byId(kind);
    const used = new Set(kind === "level" ? rows.map((_, row) => levelOf(row)) : rows.map((cells) => cells[DATASET]));
    const order = Array.from(used).sort(kind === "level" ? (a, b) => a - b : (a, b) => compareText(index.dataset[a], index.dataset[b]));
    for (const at of order) {
      const option = element("option", "", index[kind][at]);
      option.value = at;
      list.append(option);
    }
    list.addEventListener("change", () => setFilter(kind, list.value === "" ? null : Number(list.value)));
  }
  for (const chosen of document.querySelectorAll("[data-filter]")) {
    const choose = () => {
      setFilter(chosen.dataset.filter, Number(chosen.dataset.number));
      byId("alerts").scrollIntoView({ block: "start" });
    };
    chosen.addEventListener("click", choose);
    if (chosen.tagName !== "BUTTON") {
      chosen.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); }
      });
    }
  }
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => {
      const by = button.dataset.sort;
      falling = sortBy === by ? !falling : by === "level";
      sortBy = by;
      for (const heading of document.querySelectorAll("th[aria-sort]")) heading.removeAttribute("aria-sort");
      button.parentElement.setAttribute("aria-sort", falling ? "descending" : "ascending");
      select();
    });
  }
  byId("rows").addEventListener("click", (event) => {
    const line = event.target.closest("tr.alert");
    // Marking text with the mouse ends in a click too.
    if (!line || (String(getSelection()) && !event.target.closest("button"))) return;
    const row = Number(line.dataset.row);
    const toggle = line.querySelector(".toggle");
    if (opened.delete(row)) {
      line.nextElementSibling.remove();
      toggle.setAttribute("aria-expanded", "false");
    } else {
      opened.add(row);
      line.after(drawDetail(row));
      toggle.setAttribute("aria-expanded", "true");
    }
  });
  let waiting = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(select, 180);
  });
  byId("deep").addEventListener("change", select);
  byId("size").addEventListener("change", () => { page = 0; draw(); });
  byId("previous").addEventListener("click", () => { page -= 1; draw(); });
  byId("next").addEventListener("click", () => { page += 1; draw(); });
  byId("controls").hidden = false;
  byId("table").hidden = false;
  select();
})();
