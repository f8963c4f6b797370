// The rule of this file: whatever came from a stranger is put on the page as text, by `textContent` alone.
"use strict";

const MOST = 200;
const OUTCOMES = ["success", "pending", "failure", "unknown"];
const byId = (id) => document.getElementById(id);
const rows = new Map();
let held = null;
let summary = null;

function make(tag, text, classes) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = String(text);
  if (classes) made.className = classes;
  return made;
}

function draw(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function moment(at) {
  const time = new Date(at);
  const made = make("time", time.toLocaleTimeString([], { hour12: false }));
  made.dateTime = at;
  made.title = time.toLocaleString();
  if (Date.now() - time > 86400000) made.textContent = time.toLocaleDateString();
  return made;
}

// Lists that open.

function entry(address, cells, fill) {
  const made = make("details");
  const line = make("summary", null, "line");
  line.append(...cells);
  made.append(line);
  made.addEventListener("toggle", async () => {
    if (!made.open || made.lastElementChild !== line) return;
    const inside = make("div", null, "open");
    inside.append(make("p", "Reading…", "soft full"));
    made.append(inside);
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(await answer.text());
      const parts = fill(await answer.json());
      inside.replaceChildren(...parts);
    } catch (error) {
      inside.replaceChildren(make("p", "It cannot be shown: " + error.message, "full"));
    }
  });
  return made;
}

function part(title, ...inner) {
  const made = make("section");
  made.append(make("h3", title), ...inner);
  return made;
}

function preformatted(text, label) {
  const made = make("pre", text);
  made.tabIndex = 0;
  made.setAttribute("aria-label", label);
  return made;
}

function table(pairs) {
  const made = make("table");
  for (const [name, value, from] of pairs) {
    const line = made.insertRow();
    const head = make("th", name);
    head.scope = "row";
    line.append(head);
    line.insertCell().textContent = typeof value === "object" ? JSON.stringify(value) : String(value);
    if (from !== undefined) line.append(make("td", "from " + from, "soft"));
  }
  return made;
}

function codeSteps(codes) {
  const made = make("ol");
  for (const step of codes) {
    const item = make("li");
    item.append(make("span", step.field ? step.field + "=" + step.code : "no code", "mono"));
    item.append(": " + step.rule + " → " + step.result);
    item.append(make("small", "rule: " + step.because));
    if (step.row !== undefined && step.row !== null) {
      item.append(make("small", "row " + step.row + ", table version " + step.table_version + ": " + step.meaning));
      item.append(make("small", "source: " + step.source));
    }
    made.append(item);
  }
  return made;
}

function openedReport(shown, id) {
  const parts = [];
  for (const steps of shown.steps) {
    parts.push(part("How its codes were judged, in order of authority", codeSteps(steps.codes)));
    parts.push(part("What fed its fields", table(steps.fields.map((each) => [each.field, each.value, each.from]))));
  }
  if (shown.contradicted.length)
    parts.push(part("Its message: final reports contradict each other", preformatted(shown.contradicted.join("\n"), "State")));
  if (shown.said) parts.push(part("Explained", make("p", shown.said)));
  parts.push(part("The input, without secrets", preformatted(shown.raw === null ? "(not kept)" : shown.raw, "The input")));
  parts.push(part("The report", preformatted(JSON.stringify(shown.report, null, 2), "The report")));
  if (shown.fixture) {
    const link = make("a", "Download it as a fixture, with fictional numbers");
    link.href = "reports/" + id + "/fixture";
    link.download = "";
    const line = make("p", null, "full");
    line.append(link);
    parts.push(line);
  }
  return parts;
}

function openedStray(shown) {
  return [
    part("Why it is no report", preformatted(shown.said || "It held reports, and something else.", "Why")),
    part("The input, without secrets", preformatted(shown.raw === null ? "(not kept)" : shown.raw, "The input")),
  ];
}

function reportCells(row) {
  const status = make("span", row.status, "mark");
  if (!row.final) status.append(make("span", " …", "soft"));
  status.title = row.status + (row.final ? ", final" : ", not final");
  const message = make("span", row.message_id, "mono");
  message.title = row.message_id;
  const notes = [row.times > 1 ? row.times + " times" : "", row.warnings ? row.warnings + " warning" + (row.warnings > 1 ? "s" : "") : ""];
  const said = notes.filter(Boolean).join(", ");
  if (said) message.append(make("span", " (" + said + ")", "soft"));
  return [
    moment(row.at), status, make("span", row.cause || ""), make("span", row.resend),
    make("span", row.provider + (row.account ? ", " + row.account : "")), message, make("span", row.recipient || "", "mono"),
  ];
}

function showReport(row, fresh) {
  const known = rows.get(row.id);
  if (known) {
    known.firstElementChild.replaceChildren(...reportCells(row));
    return;
  }
  const made = entry("reports/" + row.id, reportCells(row), (shown) => openedReport(shown, row.id));
  made.className = "is-" + (OUTCOMES.includes(row.outcome) ? row.outcome : "unknown") + (fresh ? " new" : "");
  rows.set(row.id, made);
  document.querySelector("#reports .list").prepend(made);
}

function trim() {
  for (const [id, made] of rows) {
    if (rows.size <= MOST) return;
    if (!made.open) {
      made.remove();
      rows.delete(id);
    }
  }
}

function showUnlisted(found) {
  const list = document.querySelector("#unlisted .list");
  const open = new Set([...list.children].filter((each) => each.open).map((each) => each.dataset.of));
  list.replaceChildren(...found.map((row) => {
    const made = make("details");
    made.dataset.of = JSON.stringify([row.provider, row.field, row.code]);
    made.open = open.has(made.dataset.of);
    const line = make("summary", null, "line");
    line.append(moment(row.at), make("span", row.provider), make("span", row.field, "mono"), make("span", row.code, "mono mark"), make("span", row.times + (row.times > 1 ? " times" : " time"), "soft"));
    const inside = make("div", null, "open");
    const whole = part("A row for the table of " + row.field + ", to be completed", preformatted(row.row, "A row"));
    whole.className = "full";
    const link = make("a", "Download the latest input as a fixture, with fictional numbers");
    link.href = "reports/" + row.id + "/fixture";
    link.download = "";
    const last = make("p", null, "full");
    last.append(link);
    inside.append(whole, last);
    made.append(line, inside);
    return made;
  }));
  byId("unlisted-count").textContent = found.length;
}

const strays = new Map();

function showStrays(found) {
  const list = document.querySelector("#strays .list");
  for (const row of found.slice().reverse()) {
    if (strays.has(row.id)) continue;
    const cells = [moment(row.at), make("span", row.provider + (row.account ? ", " + row.account : ""))];
    strays.set(row.id, entry("strays/" + row.id, cells, openedStray));
    list.prepend(strays.get(row.id));
  }
  byId("strays-count").textContent = found.length;
}

// Plots.

function bars(place, pairs, none) {
  const most = pairs.length > 7 ? 6 : 7;
  const shown = pairs.slice(0, most);
  const rest = pairs.slice(most).reduce((sum, pair) => sum + pair[1], 0);
  if (rest) shown.push(["others", rest]);
  if (!shown.length) {
    place.replaceChildren(make("p", none, "soft"));
    return;
  }
  const longest = Math.max(...shown.map((pair) => pair[1]));
  const total = shown.reduce((sum, pair) => sum + pair[1], 0);
  const tall = 22;
  const made = draw("svg", { role: "img", height: shown.length * tall, "aria-label": shown.map((pair) => pair[0] + ": " + pair[1]).join(", ") });
  shown.forEach(([name, count], at) => {
    const label = name.length > 21 ? name.slice(0, 20) + "…" : name;
    const line = draw("text", { x: 0, y: at * tall + 15 }, label);
    line.append(draw("title", {}, name));
    const share = " (" + Math.round(100 * count / total) + " %)";
    made.append(
      line,
      draw("rect", { class: "bar", x: "42%", y: at * tall + 4, height: tall - 8, width: Math.max(0.5, 34 * count / longest) + "%", rx: 2 }),
      draw("text", { x: "100%", y: at * tall + 15, "text-anchor": "end" }, count.toLocaleString("en") + share),
    );
  });
  place.replaceChildren(made);
}

function hours(last, found) {
  const place = byId("hours");
  const tall = 90;
  const slots = Array.from({ length: 25 }, (_, at) => new Date(new Date(last) - (24 - at) * 3600000));
  const of = new Map(Object.entries(found).map(([at, counts]) => [new Date(at).getTime(), counts]));
  const sums = slots.map((slot) => Object.values(of.get(slot.getTime()) || {}).reduce((sum, each) => sum + each, 0));
  const most = Math.max(1, ...sums);
  const total = sums.reduce((sum, each) => sum + each, 0);
  const made = draw("svg", { role: "img", height: tall + 18, "aria-label": total + " messages in the last 24 hours, at most " + most + " in an hour" });
  made.append(draw("line", { class: "base", x1: 0, x2: "100%", y1: tall, y2: tall }), draw("text", { class: "axis", x: 0, y: 9 }, most.toLocaleString("en")));
  slots.forEach((slot, at) => {
    let top = tall;
    const counts = of.get(slot.getTime()) || {};
    const hour = String(slot.getUTCHours()).padStart(2, "0");
    for (const outcome of OUTCOMES) {
      if (!counts[outcome]) continue;
      const height = Math.max(1, (tall - 14) * counts[outcome] / most);
      top -= height;
      const bar = draw("rect", { class: "fill-" + outcome, x: (4 + at * 3.84) + "%", y: top, width: "3.2%", height });
      bar.append(draw("title", {}, hour + ":00 UTC, " + outcome + ": " + counts[outcome]));
      made.append(bar);
    }
    if (at % 4 === 0) made.append(draw("text", { class: "axis", x: (5.6 + at * 3.84) + "%", y: tall + 14, "text-anchor": "middle" }, hour));
  });
  place.replaceChildren(made);
  byId("key").replaceChildren(...OUTCOMES.map((each) => make("span", each, "is-" + each)));
}

function showSummary() {
  if (summary === null) return;
  hours(summary.hour, summary.counts.hours);
  bars(byId("status"), summary.counts.status, "Nothing yet.");
  bars(byId("cause"), summary.counts.cause, "No failure with a cause.");
  bars(byId("provider"), summary.counts.provider, "Nothing yet.");
  showUnlisted(summary.unlisted);
  showStrays(summary.strays);
}

// Events.

function state(text, kind) {
  const place = byId("state");
  if (place.textContent !== text) place.textContent = text;
  place.className = kind;
}

function connect() {
  let first = true;
  const events = new EventSource("events");
  events.addEventListener("reports", (told) => {
    const found = JSON.parse(told.data);
    if (held === null) {
      for (const row of found) showReport(row, !first);
      trim();
      state("Live", "live");
    } else {
      held.push(...found);
      if (held.length > 5 * MOST) held = held.slice(-MOST);
      state("Held: " + held.length + " waiting", "");
    }
    first = false;
  });
  events.addEventListener("summary", (told) => {
    summary = JSON.parse(told.data);
    if (held === null) showSummary();
  });
  events.addEventListener("trouble", (told) => state(JSON.parse(told.data), "trouble"));
  events.addEventListener("error", () => {
    state("The connection is lost; trying again.", "trouble");
    first = true;
    // A refusal ends an event source for good, and a server that starts again may refuse at first.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
  });
}
connect();

byId("hold").addEventListener("click", (click) => {
  const waiting = held;
  held = waiting === null ? [] : null;
  click.target.setAttribute("aria-pressed", String(held !== null));
  if (waiting !== null) {
    for (const row of waiting) showReport(row, true);
    showSummary();
  }
  trim();
  state(held === null ? "Live" : "Held: 0 waiting", held === null ? "live" : "");
});

const tabs = [...document.querySelectorAll("[role=tab]")];
function choose(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    byId(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  tab.focus();
}
tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (key) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key.key];
    if (step) choose(tabs[(at + step + tabs.length) % tabs.length]);
  });
});
