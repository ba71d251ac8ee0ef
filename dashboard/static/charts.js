// Draws the charts of the overview; their numbers stand in the page, as a table as well.
import uPlot from "./vendor/uPlot.esm.js";

const HEIGHT = 220;
const drawn = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");

// A custom property with light-dark() is a colour only once it is used: have an element use it.
function colour(name) {
  const probe = document.createElement("span");
  document.body.append(probe);
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function draw(place) {
  const { lines, data } = JSON.parse(place.dataset.chart);
  const [ink, grid] = [colour("--faint"), colour("--line")];
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const hasRight = lines.some((line) => line.right);
  const told = (unit) => (_, value) => (value == null ? "–" : `${value}${unit ? ` ${unit}` : ""}`);
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "UTC"),
    scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] }, right: { range: (_, low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] } },
    axes: [axis, { ...axis, size: 48 }, ...(hasRight ? [{ ...axis, scale: "right", side: 1, size: 48, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => `${tick} s`) }] : [])],
    series: [
      { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
      ...lines.map((line) => ({
        label: line.label, stroke: colour(line.colour), width: 2, dash: line.dash, scale: line.right ? "right" : "y",
        value: told(line.unit), spanGaps: true, points: { show: false },
      })),
    ],
  };
  drawn.get(place)?.destroy();
  place.replaceChildren();
  drawn.set(place, new uPlot(options, data, place));
}

const drawAll = () => document.querySelectorAll("[data-chart]").forEach(draw);

document.addEventListener("refreshed", (event) => {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const fresh = event.detail.querySelector(`#${place.getAttribute("aria-labelledby")} ~ * [data-chart]`) ??
      event.detail.querySelector(`[data-live="${place.closest("[data-live]").dataset.live}"] [data-chart]`);
    if (!fresh || fresh.dataset.chart === place.dataset.chart) continue;
    place.dataset.chart = fresh.dataset.chart;
    drawn.get(place)?.setData(JSON.parse(fresh.dataset.chart).data);
  }
});
dark.addEventListener("change", drawAll);
new ResizeObserver(() => {
  for (const [place, plot] of drawn) if (place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: HEIGHT });
}).observe(document.querySelector("main"));
drawAll();
