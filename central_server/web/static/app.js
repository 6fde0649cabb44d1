// Everything here works without it, less comfortably: charts have tables, forms are plain forms.
"use strict";
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // "--chart-1" in an option is a colour of ours, looked up here so that charts follow light and dark.
  const coloured = (value) => {
    if (typeof value === "string") return value.startsWith("--") ? css(value) || "#888" : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one)]));
    return value;
  };
  const lang = document.documentElement.lang === "zh-CN" ? "ZH" : "EN";
  const charts = new Map();
  const axis = (one) => ({
    ...one,
    axisLabel: { color: css("--quiet"), ...one.axisLabel },
    axisLine: { lineStyle: { color: css("--line") } },
    splitLine: { lineStyle: { color: css("--line") }, ...one.splitLine },
    nameTextStyle: { color: css("--quiet") },
  });
  const each = (axes) => (Array.isArray(axes) ? axes.map(axis) : axes && axis(axes));

  function draw(box) {
    if (!window.echarts) return;
    charts.get(box)?.dispose();
    const option = coloured(JSON.parse(box.dataset.chart));
    const chart = window.echarts.init(box, null, { renderer: "canvas", locale: lang });
    chart.setOption({
      animation: false,
      textStyle: { color: css("--ink"), fontFamily: getComputedStyle(document.body).fontFamily },
      ...option,
      legend: option.legend && { textStyle: { color: css("--ink") }, ...option.legend },
      tooltip: { backgroundColor: css("--card"), borderColor: css("--line"), textStyle: { color: css("--ink") }, ...option.tooltip },
      xAxis: each(option.xAxis),
      yAxis: each(option.yAxis),
    });
    charts.set(box, chart);
    watched.observe(box);
  }
  const watched = new ResizeObserver((entries) => entries.forEach((entry) => charts.get(entry.target)?.resize()));

  function start(root) {
    root.querySelectorAll(".chart[data-chart]").forEach(draw);
    for (const [box, chart] of charts)
      if (!box.isConnected) { watched.unobserve(box); chart.dispose(); charts.delete(box); }
  }

  document.addEventListener("DOMContentLoaded", () => start(document));
  document.addEventListener("htmx:after:swap", () => start(document));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...charts.keys()].forEach(draw));

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
  });
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "")) {
      const search = document.querySelector("main input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
})();
