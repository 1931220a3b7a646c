"use strict";
// A click on a column's head sorts its table; a second click turns the order round.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const heads = [...head.parentElement.children];
    const column = heads.indexOf(head);
    const was = head.getAttribute("aria-sort");
    // Numbers: the largest first. Text: by the alphabet, with 10.0.0.9 before 10.0.0.10.
    const down = was ? was === "ascending" : head.classList.contains("number");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.cells[column].dataset.sort;
    const compare = (a, b) =>
      isFinite(key(a)) && isFinite(key(b))
        ? key(a) - key(b)
        : key(a).localeCompare(key(b), "en", { numeric: true });
    const rows = [...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  });
}
