// The slash key leads to the field that finds anything, unless somebody is writing.
"use strict";
(() => {
  document.addEventListener("keydown", (press) => {
    const busy = press.target.closest("input, textarea, select, [contenteditable]");
    if (press.key !== "/" || press.ctrlKey || press.metaKey || press.altKey || busy) return;
    const field = document.getElementById("find-anything");
    if (!field) return;
    press.preventDefault();
    field.focus();
    field.select();
  });
})();
