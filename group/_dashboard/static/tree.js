// Supervision trees: what runs, how often it was restarted, and why.

import { byId, chip, count, el, show } from "./parts.js";

const closed = new Set();
const restarts = new Map();

/** Show the trees of one node's process. */
export function showTree(trees, node) {
  byId("tree-of").textContent = `in the process of ${node}` +
    (trees.zombies ? `, ${trees.zombies} abandoned threads still run` : "");
  show(byId("tree"), [trees.roots, node], () => trees.roots.length
    ? [el("ul", {}, ...trees.roots.map((root, index) => branch(root, `${node}/${index}`)))]
    : [el("p.empty", {}, "No supervisor runs in this process.")]);
}

function branch(each, path) {
  const line = el("span.line", {},
    el("span.name", {}, `${each.id}`),
    each.class && each.class !== each.id ? el("span.soft", {}, each.class) : null,
    each.state === "running" ? null : chip(each.state),
    each.restarts ? chip("restarts", `${count(each.restarts)} ${each.restarts === 1 ? "restart" : "restarts"}`) : null,
    each.mailbox ? chip("mail", `${count(each.mailbox)} waiting`) : null,
    each.zombies ? chip("zombies", `${count(each.zombies)} zombies`) : null,
    each.last_reason ? el("span.why", { title: each.last_reason }, `last: ${firstLine(each.last_reason)}`) : null);
  if (restarts.has(path) && restarts.get(path) < each.restarts) line.classList.add("bumped");
  restarts.set(path, each.restarts);
  if (!each.children.length) return el("li", {}, el("div.leaf", {}, line));
  const below = el("ul", {}, ...each.children.map((child) => branch(child, `${path}/${child.id}`)));
  const details = el("details", { open: !closed.has(path) }, el("summary", { "data-focus": path }, line), below);
  details.addEventListener("toggle", () => details.open ? closed.delete(path) : closed.add(path));
  return el("li", {}, details);
}

function firstLine(words) {
  const line = words.split("\n")[0];
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
