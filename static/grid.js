// A block copied from Excel, pasted into a cell, fills the cells to the right and below. Nothing is saved by it.
"use strict";
document.addEventListener("paste", (event) => {
  const cell = event.target.closest(".grid td");
  const text = event.clipboardData && event.clipboardData.getData("text/plain");
  if (!cell || !text || !/[\t\n]/.test(text.replace(/\r?\n$/, ""))) return;
  event.preventDefault();
  const rows = [...cell.closest("tbody").rows];
  const top = rows.indexOf(cell.parentElement), left = cell.cellIndex;
  text.replace(/\r?\n$/, "").split(/\r?\n/).forEach((line, down) => {
    line.split("\t").forEach((value, right) => {
      const there = rows[top + down] && rows[top + down].cells[left + right];
      const field = there && there.querySelector("input:not([type=hidden]),select");
      if (!field) return;
      const clean = value.trim();
      if (field.tagName === "SELECT") {
        const option = [...field.options].find((each) => each.value === clean || each.text === clean);
        if (option) field.value = option.value;
        else return;
      } else field.value = clean;
      there.classList.add("new");
    });
  });
});
