// Small things that every view uses. Text goes into the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: el("td.n", {title: "…"}, "text", other). */
export function el(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElement(tag), classes, attributes, children);
}

/** The same for a picture. */
export function svg(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElementNS(SVG, tag), classes, attributes, children);
}

function fill(node, classes, attributes, children) {
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/**
 * Replace children, unless what they are made of has not changed: so a reader keeps
 * the place, the selection and the focus.
 */
export function show(node, data, make) {
  const made = JSON.stringify(data);
  if (node.shown === made) return false;
  node.shown = made;
  const focused = node.contains(document.activeElement)
    ? document.activeElement.getAttribute("data-focus") : null;
  node.replaceChildren(...make(data));
  if (focused !== null) {
    for (const each of node.querySelectorAll("[data-focus]")) {
      if (each.getAttribute("data-focus") === focused) { each.focus(); break; }
    }
  }
  return true;
}

/** A cell of a table; its label is shown where the table becomes a list. */
export function cell(label, content, classes = "") {
  if (content === null) return el(`td.blank${classes}`, { "data-label": label }, "–");
  return el(`td${classes}`, { "data-label": label }, content);
}

export function chip(kind, words = kind) {
  return el("span.chip", { "data-kind": kind }, words);
}

export const count = (number) => number.toLocaleString("en");

/** "1 key", "12 keys". */
export const counted = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** A name that may be long, such as a pod's: it is broken after a dot, where it must be. */
export function long(name) {
  const parts = name.split(".");
  return el("span", {}, ...parts.flatMap((part, index) =>
    index < parts.length - 1 ? [`${part}.`, el("wbr")] : [part]));
}

/** "12s", "3m05s", "2h13m", "5d04h". */
export function uptime(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
  return `${Math.floor(whole / 86400)}d${two(Math.floor((whole % 86400) / 3600))}h`;
}

export function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const at = new Date(seconds * 1000);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export const roundTrip = (seconds) =>
  seconds === null ? "–" : seconds < 0.01 ? `${(seconds * 1000).toFixed(1)} ms`
    : seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;

/** A bar that is filled so far; `words` say the same. */
export function bar(part, words) {
  const inside = el("i");
  // Set as a property: an attribute would be a style in the markup, which is forbidden.
  inside.style.width = `${Math.round(100 * part)}%`;
  return el("span.bar", { role: "img", "aria-label": words }, inside);
}

/** What a server says is wrong; `gone` when there was no answer at all. */
export class Trouble extends Error {
  constructor(words, gone) {
    super(words);
    this.gone = gone;
  }
}

const silent = () => new Trouble("The server of this page does not answer. Trying again…", true);

/** Ask the server; give up after some seconds. */
export async function ask(name, query) {
  let answer;
  try {
    answer = await fetch(`api/${name}?${parameters(query)}`, {
      headers: { accept: "application/json" },
      signal: AbortSignal.timeout(8000),
    });
  } catch {
    throw silent();
  }
  let data = null;
  try { data = await answer.json(); } catch (error) {
    // Else it is not from us: a proxy's words, or none.
    if (!(error instanceof SyntaxError)) throw silent();
  }
  if (answer.ok && data !== null) return data;
  if (answer.status === 401) throw new Trouble("The token is no longer good. Open the page with ?token=…", false);
  throw new Trouble(data?.error ?? `The server answered ${answer.status}.`, false);
}

export function parameters(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(given).toString();
}
