// The page: which view, of which group, seen from which node; and the clock of it all.

import { showCluster } from "./cluster.js";
import { Events } from "./events.js";
import { ask, byId, el, parameters, show, Trouble } from "./parts.js";
import { Registry } from "./registry.js";
import { showTree } from "./tree.js";

const EVERY = 1000, SURVEY_EVERY = 5000;
// A node that is gone stays on the map for so long.
const REMEMBER = 600;
const VIEWS = ["cluster", "registry", "supervision", "events"];
const LIVE = { wait: "connecting", live: "live", lost: "lost, trying again" };

const state = {
  view: "cluster", group: null, node: null, home: null,
  nodes: new Map(), causes: new Map(), actors: new Map(), surveyed: -SURVEY_EVERY,
};

const where = () => ({ group: state.group, node: state.node });
const registry = new Registry(where, complain);
const events = new Events(where, showLive, hear);

// Where we are is in the address, so that it can be kept, sent, and gone back to.

function read() {
  const [view, query] = location.hash.slice(1).split("?");
  const given = new URLSearchParams(query ?? "");
  return {
    view: VIEWS.includes(view) ? view : "cluster",
    group: given.get("group"), node: given.get("node"),
  };
}

function hrefOf(change) {
  const { view, group, node } = { view: state.view, group: state.group, node: state.node, ...change };
  const query = parameters({ group: group === state.groups?.[0] ? null : group, node });
  return `#${view}${query ? `?${query}` : ""}`;
}

function navigate() {
  if (location.hash === "#main") return;
  const next = read();
  const moved = next.group !== state.group && next.group !== null || next.node !== state.node;
  state.view = next.view;
  state.node = next.node;
  if (next.group !== null || state.groups) state.group = next.group ?? state.groups?.[0] ?? null;
  for (const view of VIEWS) byId(`view-${view}`).hidden = view !== state.view;
  for (const link of document.querySelectorAll(".tabs a")) {
    const view = link.getAttribute("data-view");
    link.setAttribute("href", hrefOf({ view }));
    if (view === state.view) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (moved && state.groups) {
    state.nodes.clear();
    state.surveyed = -SURVEY_EVERY;
    events.open();
    registry.place = {};
  }
  events.draw();
  refresh();
}

// What is shown

async function begin() {
  try {
    const found = await ask("groups", {});
    state.groups = found.groups;
    state.home = found.node;
    byId("version").textContent = `pykka-group ${found.version}`;
    if (!found.groups.length) throw new Trouble("No group runs on this node yet. Looking again…", false);
    state.group ??= found.groups[0];
    byId("group-field").hidden = found.groups.length < 2;
    show(byId("group"), found.groups, (names) => names.map((name) => el("option", {}, name)));
    events.open();
    navigate();
    return true;
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    complain(trouble);
    return false;
  }
}

let refreshing = null;

/** Look at the cluster, and at what else the view shows; one look at a time. */
function refresh() {
  refreshing ??= look().finally(() => { refreshing = null; });
  return refreshing;
}

async function look() {
  if (!state.groups?.length && !await begin()) return;
  try {
    const status = await ask("status", where());
    showStatus(status);
    survey();
    if (state.view === "registry") await registry.refresh();
    if (state.view === "supervision") showTree(await ask("tree", where()), status.node);
    byId("trouble").hidden = true;
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    complain(trouble);
    // The node that we looked from is gone: look from the one whose page this is.
    if (!trouble.gone && state.node !== null) location.hash = hrefOf({ node: null });
    if (trouble.gone) showHomeLost();
  }
}

/** Ask all nodes how many actors they have: seldom, and without waiting for it. */
async function survey() {
  const now = performance.now();
  if (state.view !== "cluster" || now - state.surveyed < SURVEY_EVERY) return;
  state.surveyed = now;
  try {
    state.actors = new Map(Object.entries(await ask("actors", where())));
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    // The table has dashes then.
    state.actors.clear();
  }
}

function showStatus(status) {
  document.title = `${status.group} on ${status.node}`;
  byId("title").textContent = status.group;
  byId("group").value = status.group;
  remember(status.nodes);
  const nodes = [...state.nodes.values()].sort((one, other) => one.name < other.name ? -1 : 1);
  showCluster(status, nodes, (node) => hrefOf({ node }));
  registry.showClusters(status.clusters.map((row) => row.cluster));
  show(byId("node"), nodes.filter((node) => node.state !== "down").map((node) => node.name),
    (names) => names.map((name) => el("option", {}, name)));
  byId("node").value = status.node;
}

/** Keep nodes that the status knows no more: that they are gone is worth knowing. */
function remember(rows) {
  const now = Date.now() / 1000;
  for (const row of rows) {
    const before = state.nodes.get(row.name);
    if (before && before.state !== row.state) tell(`${row.name} is ${row.state}`);
    const actors = row.actors ?? state.actors.get(row.name) ?? null;
    state.nodes.set(row.name, { ...row, actors, seen: now });
  }
  const there = new Set(rows.map((row) => row.name));
  for (const [name, node] of state.nodes) {
    if (there.has(name)) continue;
    if (now - node.seen > REMEMBER) { state.nodes.delete(name); continue; }
    if (node.state !== "down") tell(`${name} is down`);
    state.nodes.set(name, {
      ...node, state: "down", since: now - node.seen, cause: state.causes.get(name) ?? node.cause,
    });
  }
}

function showHomeLost() {
  for (const shown of document.querySelectorAll(`.map .node, #nodes tr`)) {
    if (shown.getAttribute("data-name") === state.home) shown.setAttribute("data-state", "down");
  }
}

// What is heard and said

function hear(event) {
  if (event.type !== "node_down" && event.type !== "node_up") return;
  if (event.type === "node_down") state.causes.set(event.key, event.reason);
  refresh();
}

function showLive(now) {
  const live = byId("live");
  if (live.getAttribute("data-state") === now) return;
  live.setAttribute("data-state", now);
  live.textContent = LIVE[now];
}

function complain(trouble) {
  byId("trouble").textContent = trouble.message;
  byId("trouble").hidden = false;
}

function tell(words) { byId("news").textContent = words; }

byId("node").addEventListener("change", (event) => { location.hash = hrefOf({ node: event.target.value }); });
byId("group").addEventListener("change", (event) => { location.hash = hrefOf({ group: event.target.value, node: null }); });
addEventListener("hashchange", navigate);
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const filter = document.querySelector(".view:not([hidden]) [data-filter]");
  if (filter) { event.preventDefault(); filter.focus(); }
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
setInterval(() => { if (!document.hidden) refresh(); }, EVERY);
navigate();
