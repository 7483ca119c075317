// The view of the whole: totals, map, nodes, shards, subclusters.

import { draw } from "./map.js";
import { bar, byId, cell, chip, count, counted, el, long, roundTrip, show, uptime } from "./parts.js";

/** Show a status. `nodes` holds also those that the status knows no more. */
export function showCluster(status, nodes, hrefOf) {
  const here = status.node;
  show(byId("totals"), [status.keys, status.members, status.conflicts, status.shards,
    nodes.map((node) => node.state)], () => totals(status, nodes));
  const width = Math.max(300, Math.min(560, byId("map").clientWidth || 560));
  show(byId("map"), [nodes.map((n) => [n.name, n.state, n.keys, n.members, roundTrip(n.rtt)]), here, width],
    () => [draw(nodes, here, hrefOf, width)]);
  show(byId("nodes").tBodies[0], [nodes.map((n) => ({ ...n, since: uptime(n.since) })), here],
    () => nodes.map((node) => nodeRow(node, here, hrefOf)));
  show(byId("refused"), status.refused ?? [], (words) => words.map((each) => el("li", {}, `refused: ${each}`)));
  byId("shards-of").textContent = `of ${here}`;
  show(byId("shards").tBodies[0], status.shards, shardRows);
  show(byId("clusters").tBodies[0],
    status.clusters.map((each) => ({ ...each, ttl_left: each.ttl_left && Math.ceil(each.ttl_left) })),
    (rows) => rows.map(clusterRow));
}

function totals(status, nodes) {
  const down = nodes.filter((node) => node.state === "down").length;
  const silent = nodes.filter((node) => node.state === "suspect").length;
  const queue = status.shards.reduce((sum, shard) => sum + shard.queue, 0);
  const restarts = status.shards.reduce((sum, shard) => sum + shard.restarts, 0);
  return [
    total("Nodes up", count(nodes.length - down - silent),
      el("small.bad", {}, [down && ` ${down} down`, silent && ` ${silent} silent`].filter(Boolean).join(","))),
    total("Keys", count(status.keys)),
    total("Members", count(status.members)),
    total("Shards", count(status.shards.length),
      queue || restarts ? el("small", {}, ` ${count(queue)} waiting, ${counted(restarts, "restart")}`) : null),
    total("Conflicts", count(status.conflicts)),
  ];
}

function total(words, number, more = null) {
  return el("div", {}, el("dt", {}, words), el("dd", {}, number, more));
}

function nodeRow(node, here, hrefOf) {
  const name = node.state === "down" || node.name === here
    ? el("strong", {}, long(node.name))
    : el("a", { href: hrefOf(node.name), "data-focus": `node-${node.name}`, title: "See the cluster from this node" }, long(node.name));
  const words = node.state === "down"
    ? `${node.cause ?? "unknown cause"} (was ${counted(node.keys, "key")}, ${counted(node.members, "member")})` : null;
  const row = [
    cell("Node", el("span", {}, name, " ", el("span.soft", {}, node.address)), ".lead"),
    cell("State", el("span", {}, chip(node.state), node.state === "suspect" ? ` ${node.cause ?? ""}` : "")),
    cell("For", uptime(node.since), ".tight"),
  ];
  if (words !== null) {
    row.push(el("td.whole", { colspan: 6 }, words));
  } else {
    row.push(
      cell("Keys", count(node.keys), ".n"),
      cell("Members", count(node.members), ".n"),
      cell("Actors", node.actors === null ? null : count(node.actors), ".n"),
      cell("Queue", count(node.queue), ".n"),
      cell("Round trip", node.name === here ? "here" : roundTrip(node.rtt), ".n"),
      cell("Version", node.version, ".tight"),
    );
  }
  return el("tr", { "data-state": node.state, "data-name": node.name }, ...row);
}

function shardRows(shards) {
  const most = Math.max(1, ...shards.map((shard) => shard.keys + shard.members));
  return shards.map((shard) => {
    const rows = shard.keys + shard.members;
    return el("tr", {},
      cell("Shard", `${shard.shard}`),
      cell("Rows", bar(rows / most, counted(rows, "row")), ".wide"),
      cell("Keys", count(shard.keys), ".n"),
      cell("Members", count(shard.members), ".n"),
      cell("Queue", count(shard.queue), ".n"),
      cell("Restarts", shard.restarts ? chip("restarts", count(shard.restarts)) : "0", ".n"));
  });
}

function clusterRow(row) {
  return el("tr", {},
    cell("Name", row.cluster === null ? el("span.soft.tight", {}, "default") : el("span.key", {}, row.cluster), ".lead"),
    cell("Nodes", el("span", {}, ...row.nodes.flatMap((name, index) => [index ? ", " : "", long(name)])), ".whole"),
    cell("Keys", count(row.keys), ".n"),
    cell("Members", count(row.members), ".n"),
    cell("Lease", row.ttl_left === null ? null : `${row.ttl_left} s`, ".n"));
}
