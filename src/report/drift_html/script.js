"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const [query, severity, kind, control] = ["q", "severity", "kind", "control"].map(at);
  const count = at("count");
  const total = Number(count.dataset.total);
  const articles = [...document.querySelectorAll("#findings article")];
  const accounts = new Map([...document.querySelectorAll("#findings .account")].map((section) => [section.id, section]));
  const lines = [...document.querySelectorAll("[data-a]")];
  let texts = null;

  const findings = (number) => number.toLocaleString("en") + (number === 1 ? " finding" : " findings");

  function filter() {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const least = Number(severity.value);
    const active = words.length > 0 || least > 0 || kind.value !== "" || control.value !== "";
    // A finding is found by its account's name too.
    texts ??= articles.map((article) =>
      (article.parentElement.querySelector("h3").textContent + " " + article.textContent).toLowerCase());
    const shown = new Map();
    let number = 0;
    articles.forEach((article, place) => {
      const data = article.dataset;
      const passes = Number(data.severity) >= least
        && (kind.value === "" || data.kind === kind.value)
        && (control.value === "" || data.control === control.value)
        && words.every((word) => texts[place].includes(word));
      article.hidden = !passes;
      if (passes) {
        number += 1;
        const id = article.parentElement.id;
        shown.set(id, (shown.get(id) ?? 0) + 1);
      }
    });
    for (const [id, section] of accounts) section.hidden = !shown.has(id);
    const onlyWords = least === 0 && kind.value === "" && control.value === "";
    for (const line of lines) {
      const named = () => onlyWords && words.every((word) => line.textContent.toLowerCase().includes(word));
      line.hidden = active && !shown.has("a-" + line.dataset.a) && !named();
    }
    count.textContent = active ? `${findings(number)} of ${total.toLocaleString("en")}` : findings(total);
    at("nothing").hidden = number > 0 || total === 0;
  }

  let waiting = 0;
  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  }
  query.addEventListener("input", soon);
  for (const select of [severity, kind, control]) select.addEventListener("change", filter);
  at("reset").addEventListener("click", () => {
    query.value = "";
    severity.value = "0";
    kind.value = "";
    control.value = "";
    filter();
    query.focus();
  });

  // The fragment names a finding, a part of the page, or an account.
  let last = null;
  function follow() {
    const target = location.hash.length > 1 ? at(decodeURIComponent(location.hash.slice(1))) : null;
    if (target?.matches("article")) {
      target.hidden = false;
      target.parentElement.hidden = false;
      const details = target.querySelector("details");
      details.open = true;
      details.querySelector("summary").focus();
      last = details;
    } else if (last && target?.id === "findings") {
      // Back from one finding to where it stands among all.
      last.querySelector("summary").focus();
      last = null;
    }
  }
  addEventListener("hashchange", follow);
  // Browsers keep what was typed when a page is opened again.
  filter();
  follow();
})();
