// Turns one tree of elements into another with the fewest changes, so that focus, a selection,
// an open <details> and a player that plays all stay as they are.

const KEPT_ATTRIBUTES = new Set(["open", "data-fresh", "data-playing", "data-failed"]);

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined);

const isSame = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function morphAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT_ATTRIBUTES.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !KEPT_ATTRIBUTES.has(name)) old.setAttribute(name, value);
  }
}

function morphChildren(old, fresh, onChange) {
  const keyed = new Map([...old.children].filter(keyOf).map((child) => [keyOf(child), child]));
  const wanted = new Set([...fresh.children].map(keyOf).filter(Boolean));
  for (const [key, child] of keyed) {
    if (!wanted.has(key)) child.remove(); // first, so that those that stay need not move
  }
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = keyOf(child) ? keyed.get(keyOf(child)) : undefined;
    if (known && known.isConnected && isSame(known, child)) {
      while (place && place !== known && !keyOf(place)) {
        const gap = place; // moving an element takes its focus, removing the space before it does not
        place = place.nextSibling;
        gap.remove();
      }
      if (known === place) place = place.nextSibling;
      else old.insertBefore(known, place);
      morph(known, child, onChange);
    } else if (place && !keyOf(child) && isSame(place, child)) {
      const next = place.nextSibling;
      morph(place, child, onChange);
      place = next;
    } else {
      const added = document.importNode(child, true);
      old.insertBefore(added, place);
      if (keyOf(added)) onChange(added);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

/** Make `old` look like `fresh`. `onChange` is told of each keyed element that is new or in another state. */
export function morph(old, fresh, onChange) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.dataset.keep !== undefined && old.dataset.keep === fresh.dataset.keep) return;
  const changed = keyOf(old) && old.dataset.state !== fresh.dataset.state;
  morphAttributes(old, fresh);
  morphChildren(old, fresh, onChange);
  if (changed) onChange(old);
}
