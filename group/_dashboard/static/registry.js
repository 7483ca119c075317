// The registry in pages: the server finds each page, the browser holds one of them.

import { ask, byId, cell, chip, count, counted, el, long, show, Trouble } from "./parts.js";

const LIMIT = 50;
// Behind every key: code points compare as the server compares them.
const END = "\u{10FFFF}";

export class Registry {
  /** `where` gives group and node, `complain` shows what is wrong. */
  constructor(where, complain) {
    this.where = where;
    this.complain = complain;
    // What is looked for: of a filter that is being typed, what stood there last.
    this.start = "";
    this.place = {};
    this.page = null;
    this.asked = 0;
    byId("registry-form").addEventListener("submit", (event) => { event.preventDefault(); this.restart(); });
    byId("start").addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.restart(), 150);
    });
    for (const id of ["cluster", "kind"]) byId(id).addEventListener("change", () => this.restart());
    byId("first").addEventListener("click", () => this.restart());
    byId("last").addEventListener("click", () => this.go({ before: END }));
    byId("next").addEventListener("click", () => this.go({ after: this.page.rows.at(-1).key }));
    byId("previous").addEventListener("click", () => this.go({ before: this.page.rows[0].key }));
  }

  showClusters(clusters) {
    const select = byId("cluster"), chosen = select.value;
    show(select, clusters, () => clusters.map((name) => el("option", { value: name ?? "" }, name ?? "default")));
    select.value = clusters.includes(chosen) ? chosen : "";
  }

  restart() {
    clearTimeout(this.typing);
    this.start = byId("start").value;
    return this.go({});
  }

  async go(place) {
    this.place = place;
    await this.refresh();
  }

  async refresh() {
    const number = ++this.asked;
    byId("keys").setAttribute("aria-busy", "true");
    try {
      const page = await ask("keys", {
        ...this.where(), start: this.start, cluster: byId("cluster").value,
        kind: byId("kind").value, limit: LIMIT, ...this.place,
      });
      // A later question may have been answered before.
      if (number === this.asked) this.showPage(page);
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      if (number === this.asked) this.complain(trouble);
    } finally {
      if (number === this.asked) byId("keys").removeAttribute("aria-busy");
    }
  }

  showPage(page) {
    this.page = page;
    const { rows, first, total } = page;
    show(byId("keys").tBodies[0], rows, () => rows.map((row) => this.row(row)));
    byId("keys").hidden = rows.length === 0;
    const filtered = this.start || byId("kind").value;
    byId("no-keys").hidden = rows.length > 0;
    byId("no-keys").textContent = total > 0 ? "No more keys." : filtered
      ? "No key fits. Clear the filter to see all of them."
      : "Nothing is registered or joined here yet.";
    byId("place").textContent = rows.length
      ? `${count(first + 1)}–${count(first + rows.length)} of ${count(total)}` : count(total);
    byId("first").disabled = byId("previous").disabled = first === 0;
    byId("last").disabled = byId("next").disabled = first + rows.length >= total;
  }

  row(row) {
    const name = el("button.text.key", {
      type: "button", "data-focus": `key-${row.key}`, onclick: () => this.detail(row.key),
    }, row.key);
    return el("tr", {},
      cell("Key", name, ".lead"),
      cell("Owner", row.owner ? row.owner.actor : null, ".name"),
      cell("On", row.owner ? long(row.owner.node) : null, ".name"),
      cell("Members", row.members ? count(row.members) : null, ".n"),
      cell("Meta", row.owner ? el("span.meta", {}, row.owner.meta) : null, ".whole"));
  }

  async detail(key) {
    const dialog = byId("detail");
    try {
      const found = await ask("key", { ...this.where(), cluster: byId("cluster").value, key });
      dialog.replaceChildren(...detail(found, () => dialog.close()));
      dialog.showModal();
    } catch (trouble) {
      if (!(trouble instanceof Trouble)) throw trouble;
      this.complain(trouble);
    }
  }
}

function detail(found, close) {
  const claims = found.claims.map((claim) => el("tr", {},
    cell("Actor", claim.actor),
    cell("On", el("span", {}, long(claim.node), " ", claim.state === "up" ? "" : chip(claim.state))),
    cell("", claim.wins ? chip("up", "owner") : chip("claim", "also claims")),
    cell("Meta", el("span.meta", {}, claim.meta), ".whole")));
  const members = found.member_rows.map((row) => el("tr", {},
    cell("Actor", `${row.actor} ${row.id}`), cell("On", long(row.node)),
    cell("Meta", el("span.meta", {}, row.meta), ".whole")));
  const more = found.member_count - members.length;
  return [
    el("header", {}, el("h2", { id: "detail-key" }, el("span.key", {}, found.key)),
      el("button", { type: "button", onclick: close }, "Close")),
    el("p.soft", {}, `shard ${found.shard}, ${found.cluster === null ? "default cluster" : `cluster ${found.cluster}`}, ` +
      `${counted(found.monitors, "monitor")} on ${found.node}`),
    el("h3", {}, "Registered by"),
    claims.length ? el("table.grid", {}, el("tbody", {}, ...claims)) : el("p.soft", {}, "nobody"),
    el("h3", {}, `Members (${count(found.member_count)})`),
    members.length ? el("table.grid", {}, el("tbody", {}, ...members)) : el("p.soft", {}, "none"),
    more > 0 ? el("p.soft", {}, `and ${count(more)} more`) : null,
  ].filter((part) => part !== null);
}
