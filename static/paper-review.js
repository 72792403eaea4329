// Settling and keying by keyboard: 1-9 choose, 0 blank, M two marks, U illegible, Enter as suggested, arrows move, W whole sheet.
// In a review each choice is kept at once; a form without the script is saved by its button.
(() => {
  const form = document.getElementById("tiles");
  if (!form) return;
  const tiles = [...form.querySelectorAll(".tile")];
  const keying = form.classList.contains("keying");
  const left = document.getElementById("left");
  const kept = document.getElementById("kept");
  let at = -1;

  const show = (to, focus = true) => {
    if (to < 0 || to >= tiles.length) return;
    tiles[at]?.classList.remove("here");
    at = to;
    tiles[at].classList.add("here");
    tiles[at].scrollIntoView({block: "center"});
    const first = tiles[at].querySelector("input:checked, [data-suggested]") || tiles[at].querySelector("input:not([type=hidden]), textarea");
    if (focus && first) first.focus({preventScroll: true});
  };

  const next = () => {
    if (at + 1 < tiles.length) show(at + 1);
    else form.querySelector("button.button").focus();
  };

  const keep = async (tile) => {
    if (keying) return true;
    const body = new FormData();
    body.set("csrf_token", form.elements.csrf_token.value);
    const named = tile.querySelectorAll("input:checked, textarea");
    if (!named.length) return false;
    for (const each of named) body.append(each.name, each.value);
    if (tile.querySelector("textarea, input[type=checkbox]")) body.append(named[0].name, "-"); // an empty one is looked at, too
    try {
      const answer = await fetch(form.action, {method: "POST", body, headers: {"X-Script": "1"}});
      const told = await answer.json();
      if (!answer.ok || !told.kept) throw new Error(told.fault || "");
      if (!tile.classList.contains("kept") && left) left.textContent = Math.max(0, left.textContent - 1);
      tile.classList.add("kept");
      if (kept) kept.textContent = form.dataset.kept;
      return true;
    } catch (error) {
      tile.classList.remove("kept");
      if (kept) { kept.textContent = error.name === "Error" && error.message || form.dataset.lost; kept.classList.remove("unseen"); }
      return false;
    }
  };

  const accept = (tile) => {
    if (!tile.querySelector("input:checked")) for (const each of tile.querySelectorAll("[data-suggested]")) each.checked = true;
    keep(tile);
    next();
  };

  const choose = (key) => {
    const tile = tiles[at];
    const input = tile?.querySelector(`input[data-key="${key}"]`);
    if (!input) return false;
    if (input.type === "checkbox") { input.checked = !input.checked; return true; }
    input.checked = true;
    keep(tile);
    next();
    return true;
  };

  form.addEventListener("focusin", (event) => {
    const to = tiles.indexOf(event.target.closest(".tile"));
    if (to >= 0 && to !== at) show(to, false);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const key = event.key.toLowerCase();
    const writing = event.target.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
    if (event.target.matches("textarea") && key === "enter" && !event.shiftKey && !keying) {
      event.preventDefault();
      accept(tiles[at]);
      return;
    }
    if (keying && key === "enter" && event.target.id === "code") {
      event.preventDefault(); // a scanner ends its code with Enter
      show(0);
      return;
    }
    if (writing) return;
    if (key === "arrowdown" || key === "arrowup") {
      event.preventDefault();
      show(at + (key === "arrowdown" ? 1 : -1));
    } else if (key === "enter" && at >= 0 && !event.target.matches("button, a")) {
      event.preventDefault();
      accept(tiles[at]);
    } else if (key === "w" && at >= 0 && tiles[at].dataset.whole) {
      location.href = tiles[at].dataset.whole;
    } else if (/^[0-9mu]$/.test(key) && at >= 0 && choose(key)) {
      event.preventDefault();
    }
  });

  if (left) show(0);
})();
