// The cluster as a picture: nodes in a ring, or in rows when there are many.

import { counted, roundTrip, svg } from "./parts.js";

const RADIUS = 26, LABEL = 40, RING_MOST = 12;

/** Draw nodes, `width` wide; `here` is the one that is seen from. */
export function draw(nodes, here, hrefOf, width) {
  const places = nodes.length <= RING_MOST ? ring(nodes.length, width) : rows(nodes.length, width);
  const at = new Map(nodes.map((node, index) => [node.name, places.points[index]]));
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${places.height}`, role: "group",
    "aria-label": `Map of ${counted(nodes.length, "node")}`,
  });
  if (nodes.length <= RING_MOST) picture.append(...links(nodes, here, at));
  const names = shortened(nodes.map((node) => node.name));
  nodes.forEach((node, index) => {
    picture.append(draw_node(node, names[index], at.get(node.name), here, hrefOf));
  });
  return picture;
}

function ring(number, width) {
  const wide = number === 1 ? 0 : width * (number === 2 ? 0.26 : 0.35);
  const high = number < 3 ? 0 : Math.min(112, width * 0.3);
  const first = number === 2 ? Math.PI : -Math.PI / 2;
  const raw = Array.from({ length: number }, (_, index) => {
    const angle = first + (2 * Math.PI * index) / number;
    return [width / 2 + wide * Math.cos(angle), high * Math.sin(angle)];
  });
  const margin = number < 3 ? 40 : 10;
  const top = Math.min(...raw.map(([, y]) => y)), bottom = Math.max(...raw.map(([, y]) => y));
  const points = raw.map(([x, y]) => [x, y - top + RADIUS + margin]);
  return { points, height: bottom - top + 2 * (RADIUS + margin) + LABEL };
}

function rows(number, width) {
  const columns = Math.min(Math.floor(width / 74), Math.ceil(Math.sqrt(number * 1.6)));
  const step = width / columns, down = 104;
  const points = Array.from({ length: number }, (_, index) => [
    step * (index % columns) + step / 2, 46 + down * Math.floor(index / columns),
  ]);
  return { points, height: down * Math.ceil(number / columns) + 12 };
}

/** Links of the node that is seen from are known; of the others it is only likely. */
function links(nodes, here, at) {
  const lines = [];
  nodes.forEach((one, index) => {
    for (const other of nodes.slice(index + 1)) {
      const ours = one.name === here || other.name === here;
      const lost = one.state !== "up" || other.state !== "up";
      if (lost && !ours) continue;
      const [x1, y1] = at.get(one.name), [x2, y2] = at.get(other.name);
      lines.push(svg(`line.link${ours ? ".ours" : ""}${lost ? ".lost" : ""}`, { x1, y1, x2, y2 }));
    }
  });
  return lines;
}

function draw_node(node, name, [x, y], here, hrefOf) {
  const keys = counted(node.keys, "key");
  const words = node.state === "down" ? "down" : keys;
  const label = `${node.name}, ${node.state}, ${keys}, ${counted(node.members, "member")}`;
  const parts = [
    svg("circle.ring", { cx: x, cy: y, r: RADIUS + 6 }),
    svg("circle.disc", { cx: x, cy: y, r: RADIUS }),
  ];
  if (node.name === here) parts.push(svg("circle.here", { cx: x, cy: y, r: RADIUS + 6 }));
  if (node.state === "down") {
    parts.push(svg("path.mark", { d: `M${x - 8} ${y - 8} L${x + 8} ${y + 8} M${x + 8} ${y - 8} L${x - 8} ${y + 8}` }));
  } else {
    parts.push(svg("text.soft.in", { x, y: y + 4 }, node.rtt === null ? "here" : roundTrip(node.rtt)));
  }
  parts.push(
    svg("text.name", { x, y: y + RADIUS + 18 }, name),
    svg("text.soft", { x, y: y + RADIUS + 33 }, words),
    svg("title", {}, node.cause ? `${label}: ${node.cause}` : label),
  );
  const drawn = svg("g.node", { "data-state": node.state, "data-name": node.name }, ...parts);
  if (node.state === "down") return drawn;
  return svg("a", {
    href: hrefOf(node.name), "aria-label": `See the cluster from ${label}`, "data-focus": `map-${node.name}`,
  }, drawn);
}

/** Cut names that are too long: what all pods have in common, their domain, goes first. */
function shortened(names) {
  const hosts = names.map((name) => (name.length > 18 ? name.split(".")[0] : name));
  const differ = new Set(hosts).size === names.length;
  return (differ ? hosts : names).map((name) =>
    name.length > 18 ? `${name.slice(0, 8)}…${name.slice(-8)}` : name);
}
