// Draws the charts of the overview; their numbers stand in the page, as a table as well.
import { colour } from "./colour.js";
import uPlot from "./vendor/uPlot.esm.js";

const HEIGHT = 220;
const WHOLE = [1, 2, 5].flatMap((first) => Array.from({ length: 9 }, (_, zeros) => first * 10 ** zeros)).sort((a, b) => a - b);
const drawn = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");

// `10:50`, and below the first one and each midnight the day; UTC as everywhere.
function times(_, ticks) {
  return ticks.map((tick, index) => {
    const told = new Date(tick * 1e3).toISOString();
    const time = told.slice(11, 16);
    return index === 0 || time === "00:00" ? `${time}\n${told.slice(0, 10)}` : time;
  });
}

// A value between two that are missing has no line to be seen by.
function alone(plot, line) {
  const values = plot.data[line];
  return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
}

// Where no pointer is, the legend tells of the last that is known.
const tellNow = (plot) => requestAnimationFrame(() => {
  if (plot.over.matches(":hover")) return;
  const known = (_, at) => plot.data.slice(1).every((values) => values[at] !== null);
  const last = plot.data[0].findLastIndex(known);
  plot.setLegend({ idx: last < 0 ? plot.data[0].length - 1 : last });
});

function draw(place) {
  const { whole, lines, data } = JSON.parse(place.dataset.chart);
  const [ink, grid] = [colour("--faint"), colour("--line")];
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const hasRight = lines.some((line) => line.right);
  const told = (unit) => (_, value) => (value == null ? "–" : `${value.toLocaleString("en")}${unit ? ` ${unit}` : ""}`);
  const range = (_, low, high) => [0, Math.max(1, (high ?? 0) * 1.1)];
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    padding: [8, hasRight ? 0 : 24, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "UTC"),
    scales: { y: { range }, right: { range } },
    axes: [
      { ...axis, values: times },
      { ...axis, size: 48, ...(whole ? { incrs: WHOLE } : {}) },
      ...(hasRight ? [{ ...axis, scale: "right", side: 1, size: 48, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => `${tick} s`) }] : []),
    ],
    series: [
      { label: "UTC", value: "{HH}:{mm}" },
      ...lines.map((line) => ({
        label: line.label, stroke: colour(line.colour), width: 2, dash: line.dash, scale: line.right ? "right" : "y",
        value: told(line.unit), points: { show: false, filter: alone, size: 6, fill: colour(line.colour) },
      })),
    ],
    hooks: { ready: [(plot) => plot.over.addEventListener("mouseleave", () => tellNow(plot))] },
  };
  drawn.get(place)?.destroy();
  place.replaceChildren();
  const plot = new uPlot(options, data, place);
  drawn.set(place, plot);
  tellNow(plot);
}

const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

document.addEventListener("refreshed", (event) => {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const fresh = event.detail.querySelector(`[data-live="${place.closest("[data-live]").dataset.live}"] [data-chart]`);
    if (!fresh || fresh.dataset.chart === place.dataset.chart) continue;
    place.dataset.chart = fresh.dataset.chart;
    const plot = drawn.get(place);
    plot.setData(JSON.parse(fresh.dataset.chart).data);
    tellNow(plot);
  }
});
dark.addEventListener("change", drawAll);
new ResizeObserver(() => {
  for (const [place, plot] of drawn) if (place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: HEIGHT });
}).observe(document.querySelector("main"));
drawAll();
