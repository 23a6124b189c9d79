// The map of communities: points and names on a canvas; what is clicked on is shown in the panel.

/* global echarts, htmx */

const STAR = "path://M0,-10L3,-3L10,-3L4,2L6,8L0,5L-6,8L-4,2L-10,-3L-3,-3Z";
const MOST = 28; // letters of a name
const box = document.getElementById("map");
const answer = await fetch(box.dataset.from, { headers: { accept: "application/json" } });
if (answer.ok) draw(await answer.json());
else box.textContent = "The map doesn’t load. Try again in a moment.";

function draw(map) {
  const chart = echarts.init(box, null, { renderer: "canvas" });
  const spots = middles(map);
  let lit = null;

  const show = () => {
    chart.setOption(options(map, spots, lit, look()), { replaceMerge: ["series"] });
    name();
  };
  const name = () => {
    if (clear(chart, spots, lit)) chart.setOption({ series: names(map, spots, lit, look()) });
  };
  show();
  chart.on("dataZoom", name);
  document.addEventListener("themechange", show);
  new ResizeObserver(() => {
    chart.resize();
    name();
  }).observe(box);

  chart.on("click", ({ data }) => {
    if (!data?.kind) return;
    lit = data.kind === "community" ? Number(data.id) : null;
    show();
    const query = new URLSearchParams({ kind: data.kind, id: data.id });
    htmx.ajax("GET", `/map?${query}`, "#panel");
  });
  document.addEventListener("click", ({ target }) => {
    const link = target.closest("[data-community]");
    if (link) {
      lit = Number(link.dataset.community);
      show();
      document.querySelector(".mapping").scrollIntoView();
    }
    const button = target.closest("[data-zoom]");
    if (button) zoom(chart, Number(button.dataset.zoom));
  });
  box.dataset.ready = "true";
}

/** Colours of the page, and whether they are dark. */
function look() {
  const style = getComputedStyle(document.body);
  const dark = (style.backgroundColor.match(/\d+/g) ?? [255]).slice(0, 3).every((c) => c < 80);
  return { ink: style.color, ground: style.backgroundColor, dark };
}

/** A community's name stands at its people's median: a mean may stand in the void. */
function middles(map) {
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return map.communities.flatMap(({ id, name }) => {
    const stars = map.points.filter(([kind, , , , , group]) => kind === "person" && group === id);
    const value = [3, 4].map((at) => median(stars.map((star) => star[at])));
    return stars.length ? [{ id, name, shown: true, value }] : [];
  });
}

function options(map, spots, lit, look) {
  const { ink, ground, dark } = look;
  const colours = palette(map, dark);
  const points = (wanted) =>
    map.points.flatMap(([kind, id, title, x, y, group]) => {
      if (kind !== wanted) return [];
      const opacity = lit === null ? (kind === "post" ? 0.5 : 1) : group === lit ? 0.9 : 0.12;
      return [{ kind, id, title, value: [x, y], itemStyle: { color: colours(group), opacity } }];
    });
  const size = innerWidth < 700 ? 0.65 : 1;
  const axis = { type: "value", min: -0.03, max: 1.03, show: false };
  return {
    animation: false,
    backgroundColor: "transparent",
    grid: { left: 0, right: 0, top: 0, bottom: 0 },
    xAxis: axis,
    yAxis: axis,
    dataZoom: ["xAxisIndex", "yAxisIndex"].map((index) => ({
      type: "inside",
      [index]: 0,
      filterMode: "none",
      minSpan: 2,
    })),
    tooltip: {
      trigger: "item",
      renderMode: "richText",
      backgroundColor: ink,
      borderWidth: 0,
      padding: [6, 10],
      textStyle: { color: ground, fontSize: 13 },
      formatter: ({ data }) => (data.kind === "community" ? "" : cut(data.title, 44)),
    },
    series: [
      { type: "scatter", id: "posts", symbolSize: 6 * size, data: points("post"), progressive: 0 },
      {
        type: "scatter",
        id: "people",
        symbol: STAR,
        symbolSize: 15 * size,
        itemStyle: { borderColor: ground, borderWidth: 1 },
        data: points("person"),
      },
      names(map, spots, lit, look),
    ],
  };
}

/** The names as a series of labels without points. */
function names(map, spots, lit, { ink, ground, dark }) {
  const colours = palette(map, dark);
  const data = spots.map(({ id, name, value, shown }) => ({
    kind: "community",
    id: String(id),
    value,
    itemStyle: { opacity: 0 },
    label: {
      show: shown,
      formatter: cut(name, MOST),
      color: ink,
      opacity: lit === null || lit === id ? 1 : 0.35,
      fontSize: 13,
      fontWeight: 600,
      fontFamily: getComputedStyle(document.body).fontFamily,
      backgroundColor: ground,
      borderColor: colours(id),
      borderWidth: 1.5,
      borderRadius: 9,
      padding: [5, 9],
    },
  }));
  return { type: "scatter", id: "names", symbolSize: 1, z: 5, data };
}

/** Show the names that stand apart, the largest communities' first; whether that changed any. */
function clear(chart, spots, lit) {
  const taken = [];
  let changed = false;
  const first = spots.filter(({ id }) => id === lit);
  for (const spot of [...first, ...spots.filter(({ id }) => id !== lit)]) {
    const [x, y] = chart.convertToPixel({ seriesId: "names" }, spot.value);
    const half = 4 * Math.min(spot.name.length, MOST) + 10;
    const apart = (other) => Math.abs(other.x - x) > other.half + half || Math.abs(other.y - y) > 28;
    const free = taken.every(apart);
    if (free) taken.push({ x, y, half });
    changed ||= spot.shown !== free;
    spot.shown = free;
  }
  return changed;
}

function palette(map, dark) {
  const colours = new Map(map.communities.map(({ id, colour }) => [id, shade(colour, dark)]));
  return (id) => colours.get(id) ?? (dark ? "#5b6068" : "#c4c4c0");
}

/** The same hue, light enough to be seen on a dark ground. */
function shade(colour, dark) {
  if (!dark) return colour;
  const parts = colour.match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));
  return `rgb(${parts.map((value) => Math.round(value + (255 - value) * 0.38)).join(",")})`;
}

/** Zoom about the middle of what is shown; 0: show all. */
function zoom(chart, factor) {
  chart.getOption().dataZoom.forEach(({ start, end }, dataZoomIndex) => {
    const middle = (start + end) / 2;
    const half = factor ? Math.max(1, ((end - start) / 2) * factor) : 50;
    const from = factor ? Math.max(0, middle - half) : 0;
    const to = factor ? Math.min(100, middle + half) : 100;
    chart.dispatchAction({ type: "dataZoom", dataZoomIndex, start: from, end: to });
  });
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
