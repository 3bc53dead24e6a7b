"use strict";
(() => {
  const data = JSON.parse(document.getElementById("run-data").textContent);
  const colours = ["#2f7fd1", "#cf5f1f", "#23916a", "#a05fd0", "#a87b00", "#d04a7e", "#4f8698", "#8a8a2a"];
  const shapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"];
  const dashes = [[1, 0], [4, 3], [8, 3], [2, 2]];
  const several = data.runs.length > 1;
  const marks = { resume: "#a05fd0", stop: "#d63a3a", best: "#23916a", skipped: "#a87b00", checkpoint: "#888" };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const config = {
    background: null, font: "system-ui, sans-serif", view: { stroke: null },
    axis: { labelColor: "currentColor", titleColor: "currentColor", gridColor: "#88888840", domainColor: "#888", tickColor: "#888", titleFontWeight: "normal" },
  };

  function series(chart) {
    const found = [];
    data.runs.forEach((run, at) => chart.keys.forEach((key, place) => {
      if (!run.curves[key]) return;
      const smooth = run.curves[key + data.smoothed];
      found.push({ id: "s" + found.length, label: several ? `${run.name}: ${key}` : key, curve: run.curves[key], smooth,
        colour: colours[(several ? at : place) % colours.length], dash: several ? dashes[place ? 1 : Math.floor(at / colours.length) % dashes.length] : [1, 0],
        shape: shapes[(several ? at : place) % shapes.length] });
    }));
    return found;
  }

  const rows = (one, curve) => curve.steps.map((step, n) => ({ series: one.id, step, value: curve.values[n] }));

  function spec(chart, all, log) {
    const x = { field: "step", type: "quantitative", axis: { title: "step", tickCount: 6, grid: false, labelOverlap: "greedy", labelSeparation: 8 }, scale: { nice: false, zero: false } };
    const y = { field: "value", type: "quantitative", axis: { title: chart.unit || null, tickCount: 5 }, scale: log ? { type: "log" } : { zero: false } };
    const ids = all.map((one) => one.id);
    const colour = { field: "series", type: "nominal", legend: null, scale: { domain: ids, range: all.map((one) => one.colour) } };
    const dash = { field: "series", type: "nominal", legend: null, scale: { domain: ids, range: all.map((one) => one.dash) } };
    const positive = log ? [{ filter: "datum.value > 0" }] : [];
    const layer = [];
    const seen = data.runs.flatMap((run, at) => run.marks.map((mark) => ({ ...mark, run: run.name, colour: colours[at % colours.length] })));
    for (const [what, stroke] of Object.entries(marks)) {
      const own = seen.filter((mark) => mark.what === what);
      if (!own.length) continue;
      const tick = what === "checkpoint";
      layer.push({
        data: { values: own },
        mark: tick ? { type: "point", shape: "triangle-up", filled: true, color: stroke, size: 30, y: "height", clip: false }
                   : { type: "rule", color: stroke, strokeDash: what === "best" ? [1, 0] : [3, 3], strokeWidth: 1.5, opacity: 0.75 },
        encoding: { x, ...(several && what === "best" ? { color: { field: "colour", type: "nominal", scale: null } } : {}), tooltip: [{ field: "what", title: "event" }, { field: "step", title: "step" }, ...(several ? [{ field: "run", title: "run" }] : [])] },
      });
    }
    const smooth = all.filter((one) => one.smooth);
    const line = (values, width, opacity, extra) => ({ data: { values }, transform: positive,
      mark: { type: "line", strokeWidth: width, opacity, interpolate: "linear", ...extra }, encoding: { x, y, color: colour, strokeDash: dash } });
    for (const one of all) {
      const few = one.curve.steps.length <= 40;
      layer.push(line(rows(one, one.curve), one.smooth ? 1 : 1.5, one.smooth ? 0.35 : 1, few && !one.smooth ? { point: { filled: true, size: 25, shape: one.shape } } : {}));
    }
    if (smooth.length) layer.push(line(smooth.flatMap((one) => rows(one, one.smooth)), 2.2, 1, {}));
    layer[layer.length - 1].params = [{ name: "zoom", select: { type: "interval", encodings: ["x"], zoom: "wheel![event.ctrlKey || event.shiftKey]" }, bind: "scales" }];
    layer.push({
      data: { values: all.flatMap((one) => rows(one, one.curve)) },
      transform: [...positive, { pivot: "series", value: "value", groupby: ["step"] }],
      params: [{ name: "hover", select: { type: "point", fields: ["step"], nearest: true, on: "pointermove", clear: "pointerout" } }],
      mark: { type: "rule", color: "currentColor" },
      encoding: { x, opacity: { condition: { param: "hover", empty: false, value: 0.5 }, value: 0 },
        tooltip: [{ field: "step", type: "quantitative" }, ...all.map((one) => ({ field: one.id, type: "quantitative", title: one.label, format: ".6~g" }))] },
    });
    return { description: chart.said, width: "container", height: 220, autosize: { type: "fit", contains: "padding" }, config, layer };
  }

  function legend(place, all) {
    for (const one of all) {
      const item = document.createElement("span");
      const line = document.createElement("i");
      line.style.borderTopColor = one.colour;
      line.style.borderTopStyle = one.dash[1] ? "dashed" : "solid";
      item.append(line, one.label + (one.smooth ? " (raw faint, smoothed bold)" : ""));
      place.append(item);
    }
  }

  async function draw(chart) {
    const figure = document.getElementById(chart.id);
    const place = figure.querySelector(".plot");
    const all = series(chart);
    if (!all.length) return;
    legend(figure.querySelector(".legend"), all);
    let shown = null;
    const embed = async (log) => {
      if (shown) shown.finalize();
      shown = await vegaEmbed(place, spec(chart, all, log), { mode: "vega-lite", renderer: "svg", actions: false, tooltip: { theme: dark ? "dark" : "custom" } });
    };
    const box = figure.querySelector("input");
    if (box) box.addEventListener("change", () => embed(box.checked));
    await embed(false);
  }

  const drawing = typeof vegaEmbed === "undefined" ? [] : data.charts.map(draw);
  Promise.all(drawing).then(() => { document.documentElement.dataset.drawn = String(drawing.length); });

  const renew = document.getElementById("renew");
  if (renew) setInterval(() => { if (renew.checked) location.reload(); }, data.renew * 1000);
})();
