// The colour that a custom property of the style sheet stands for now. One with light-dark() is a colour only once it is
// used: have an element use it.
export function colour(name) {
  const probe = document.createElement("span");
  document.body.append(probe);
  probe.style.color = `var(${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
