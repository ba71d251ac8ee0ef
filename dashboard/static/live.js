// Keeps an open page up to date. Changes come from the event stream; what they changed is fetched as HTML
// from the page's own address, at most once a second however many come.
import { morph } from "./morph.js";

const REFRESH_MS = 1000; // least time between the beginnings of two fetches
const REST = 4; // and a page that is slow to make is asked for after a rest of so many times as long
const GATHER_MS = 120; // changes come in bursts: one fetch for all of a burst
const RETRY_MS = 3000; // where the browser itself gives a stream up
const AGES_MS = 5000;

const page = document.body.dataset;
const badge = document.querySelector("[data-badge]");
const pauseButton = document.querySelector("[data-pause]");

let lastChange = page.lastChange;
const polls = page.poll !== undefined; // no event tells of what this page shows: it is looked at now and then
let stream = null;
let retryTimer = 0;
let refreshTimer = 0;
let progressTimer = 0;
let refreshedAt = -REFRESH_MS;
let restsUntil = 0;
let fetching = false;
let wanted = false;
let paused = false;

const isFollowing = () => !paused && !document.hidden && !document.body.hasAttribute("data-selecting");

function show(status) {
  if (badge.dataset.status === status) return;
  badge.dataset.status = status;
  badge.textContent = status;
}

function freshen(element) {
  element.dataset.fresh = "";
  setTimeout(() => delete element.dataset.fresh, 2000);
}

function tellAges() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Number(time.dataset.age)) / 1000));
    const [amount, unit] =
      seconds < 60 ? [seconds, "s"]
      : seconds < 3600 ? [seconds / 60, "min"]
      : seconds < 86400 ? [seconds / 3600, "h"]
      : [seconds / 86400, "d"];
    const told = `${Math.floor(amount)} ${unit} ago`;
    if (time.textContent !== told) time.textContent = told;
  }
}

function wantRefresh() {
  wanted = true;
  if (refreshTimer || fetching || !isFollowing()) return;
  const wait = Math.max(GATHER_MS, Math.max(refreshedAt + REFRESH_MS, restsUntil) - performance.now());
  refreshTimer = setTimeout(refresh, wait);
}

async function refresh() {
  refreshTimer = 0;
  wanted = false;
  fetching = true;
  refreshedAt = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { "X-Dashboard-Part": "live" }, cache: "no-store" });
    if (answer.status === 404) {
      location.reload(); // the task was deleted: the page that says so takes its place
      return;
    }
    if (answer.ok && isFollowing()) apply(await answer.text());
    wanted ||= !answer.ok;
    if (isFollowing() && (polls || stream?.readyState === EventSource.OPEN)) show(answer.ok ? "live" : "reconnecting");
  } catch {
    if (polls) show("reconnecting");
    wanted = true; // the server is away: when the stream is back, the page is looked at again
  } finally {
    fetching = false;
    restsUntil = performance.now() + REST * (performance.now() - refreshedAt);
  }
  if (wanted && stream?.readyState === EventSource.OPEN) wantRefresh();
  watchProgress();
}

// A text that one listens to while it is made gets its finished player once one stops.
function isHeard(region, part) {
  const audio = region.querySelector("[data-follow] audio");
  return audio && !audio.paused && !part.querySelector("[data-follow]");
}

function apply(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  if (document.title !== fresh.title) document.title = fresh.title;
  for (const region of document.querySelectorAll("[data-live]")) {
    const part = fresh.querySelector(`[data-live="${region.dataset.live}"]`);
    if (part && !isHeard(region, part)) morph(region, part, freshen);
  }
  tellAges();
  document.dispatchEvent(new CustomEvent("refreshed", { detail: fresh }));
}

// Progress is no transition and so no event: while there is some, look at it now and then.
function watchProgress() {
  clearTimeout(progressTimer);
  const watched = document.querySelector("[data-refresh-seconds]");
  if (watched && (polls || stream?.readyState === EventSource.OPEN) && isFollowing()) {
    progressTimer = setTimeout(wantRefresh, Number(watched.dataset.refreshSeconds) * 1000);
  }
}

function follow() {
  if (polls) {
    wantRefresh();
    return;
  }
  if (stream || !isFollowing()) return;
  stream = new EventSource(`${page.events}?last_event_id=${encodeURIComponent(lastChange)}`);
  let wasOpen = false;
  stream.onopen = () => {
    show("live");
    if (wasOpen || wanted) wantRefresh();
    wasOpen = true;
    watchProgress();
  };
  stream.onerror = () => {
    show("reconnecting");
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    unfollow();
    retryTimer = setTimeout(follow, RETRY_MS);
    wanted = true;
  };
  stream.addEventListener("task.changed", (event) => {
    lastChange = event.lastEventId || lastChange;
    wantRefresh();
  });
  stream.addEventListener("reset", (event) => {
    lastChange = event.lastEventId || lastChange;
    wantRefresh();
  });
}

function unfollow() {
  clearTimeout(retryTimer);
  clearTimeout(refreshTimer);
  clearTimeout(progressTimer);
  refreshTimer = 0;
  stream?.close();
  stream = null;
}

// A hidden page holds no stream: browsers allow six connections to one server, tabs are many.
function comeOrGo() {
  if (isFollowing()) {
    wanted = true; // progress may have gone on meanwhile
    show("connecting");
    follow();
  } else {
    unfollow();
    if (!document.hidden) show("paused");
  }
}

pauseButton.addEventListener("click", () => {
  paused = !paused;
  pauseButton.textContent = paused ? "Resume" : "Pause";
  comeOrGo();
});

document.addEventListener("pause", (event) => { // of an audio: such events do not bubble, so they are caught on their way down
  if (event.target.closest("[data-follow]")) wantRefresh();
}, true);

document.addEventListener("selection", (event) => {
  if (page.events && event.detail > 0 === Boolean(stream)) comeOrGo();
});

const controls = document.querySelector("[data-live-controls]");
controls.hidden = false;
if (!page.events && !polls) badge.hidden = pauseButton.hidden = true;
if (page.events || polls) {
  document.addEventListener("visibilitychange", comeOrGo);
  follow();
}
tellAges();
setInterval(tellAges, AGES_MS);
