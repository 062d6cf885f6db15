// The tab of the evaluation: headline metrics, all metrics with their meaning, the image sheet, the full report.

import { $, inWords, make } from "/dom.js";
import { ask } from "/server.js";

const digits = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2));

function withUnit(value, unit) {
  if (value === null || value === undefined) return "–";
  return unit === "%" ? `${value.toFixed(1)} %` : `${digits(value)}${unit === "°" ? "°" : ""}`;
}

export async function showEvaluations() {
  let found;
  try {
    found = (await ask("GET", "/evaluations")).evaluations;
  } catch (error) {
    $("evaluations").replaceChildren(make("p", { className: "form-error", role: "alert", textContent: inWords(error.answer ?? {}) }));
    return;
  }
  $("no-evaluation").hidden = found.length > 0;
  $("evaluations").replaceChildren(...found.map(showOne));
}

function showOne(each) {
  const about = [each.model && `Evaluated: ${each.model}.`, each.pairs && `${each.pairs} pairs of ${each.people} test people.`, each.recognizer && `Identity by ${each.recognizer}.`].filter(Boolean).join(" ");
  const report = each.files.find((url) => url.endsWith(".html"));
  const sheet = each.files.find((url) => url.endsWith(".png"));
  return make(
    "article", { className: "evaluation" },
    make("p", { textContent: about || "The last evaluation." }),
    ...(each.self_evaluated ? [make("p", { className: "warning", textContent: "The recognizer of this evaluation is the one that training used. An independent recognizer gives lower values." })] : []),
    make("div", { className: "headlines" }, ...each.metrics.filter((metric) => metric.headline).map(showHeadline)),
    ...(report ? [make("p", {}, make("a", { className: "secondary", href: report, target: "_blank", rel: "noopener", textContent: "Open the full report" }))] : []),
    ...(each.metrics.length ? [make("h2", { textContent: "All metrics" }), makeTable(each.metrics)] : []),
    ...(sheet ? [make("h2", { textContent: "Image sheet" }), make("p", { className: "faint", textContent: "Each row: source, template, results of the methods, and the true swap where it is known. All results are synthetic." }),
      make("div", { className: "sheet", tabIndex: 0, role: "group", "aria-label": "Image sheet" }, make("img", { src: sheet, alt: "image sheet of the evaluation" }))] : []),
  );
}

function showHeadline(metric) {
  return make(
    "div", { className: "headline", title: metric.meaning },
    make("b", { textContent: withUnit(metric.value, metric.unit) }), make("span", { textContent: metric.label }),
    make("span", { className: "faint", textContent: `${metric.better} is better${metric.copied === null || metric.copied === undefined ? "" : `; unchanged template ${withUnit(metric.copied, metric.unit)}`}` }),
  );
}

function makeTable(metrics) {
  const rows = [];
  let group = "";
  for (const metric of metrics) {
    if (metric.group !== group) rows.push(make("tr", { className: "group" }, make("th", { colSpan: 4, scope: "colgroup", textContent: metric.group })));
    group = metric.group;
    const interval = metric.low === null ? "" : `${digits(metric.low)} to ${digits(metric.high)}`;
    rows.push(make(
      "tr", {},
      make("th", { scope: "row" }, `${metric.label} ${metric.better === "higher" ? "↑" : "↓"}`, make("span", { className: "faint", textContent: metric.meaning })),
      make("td", { textContent: withUnit(metric.value, metric.unit) }), make("td", { textContent: interval }), make("td", { textContent: withUnit(metric.copied, metric.unit) }),
    ));
  }
  const head = ["Metric", "Model", "95 % interval", "Unchanged template"].map((textContent) => make("th", { scope: "col", textContent }));
  return make("div", { className: "table", tabIndex: 0, role: "group", "aria-label": "All metrics" }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}
