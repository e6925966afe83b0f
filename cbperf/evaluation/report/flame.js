// The flame graphs of the page. Each is a figure of class "flame"; its attribute data-tree is the id of the script element with its tree.
(function () {
	"use strict";

	const scales = { bytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]] };

	function quantity(value, unit) {
		const [size, name] = (scales[unit] || []).find(([size]) => Math.abs(value) >= size) || [1, unit];
		return d3.format(size > 1 ? ",.3~r" : ",")(value / size) + " " + name;
	}

	const share = (part, whole) => whole ? d3.format(".2%")(part / whole) : "–";

	function describe({ data }, root, unit) {
		if (data.delta === undefined) {
			const own = data.value - d3.sum(data.children || [], child => child.value);
			return `${data.name}: ${quantity(data.value, unit)}, ${share(data.value, root.value)} of all; own ${quantity(own, unit)}`;
		}
		const { name, base, delta } = data, sign = delta > 0 ? "+" : "";
		const relative = base ? ` (${sign}${share(delta, base)})` : delta ? " (new)" : "";
		return `${name}: ${quantity(base, unit)} → ${quantity(base + delta, unit)}, ${sign}${quantity(delta, unit)}${relative}`;
	}

	function draw(figure) {
		const { unit, tree } = figure.dataset;
		const place = figure.querySelector(".chart"), said = figure.querySelector("output"), field = figure.querySelector("input");
		const root = JSON.parse(document.getElementById(tree).textContent);
		const differential = root.delta !== undefined;
		const mapper = flamegraph.colorMapper.differentialColorMapper;
		const pale = differential ? .45 : .3;   // so that black text is readable on it
		let current = null;   // the selected frame
		let found = describe({ data: root }, root, unit);   // the text without a selected frame: about the root or the search

		const chart = flamegraph.default()
			.inverted(true).sort((a, b) => b.data.value - a.data.value).minFrameSize(1).transitionDuration(0).resetHeightOnZoom(true)
			.width(place.clientWidth)
			.setLabelHandler(node => describe(node, root, unit))
			.setDetailsHandler(text => { said.textContent = text || (current ? describe(current, root, unit) : found); })
			.setSearchMatch((node, term) => node.data.name.toLowerCase().includes(term.toLowerCase()))
			.setSearchHandler((results, sum) => {
				const frames = results.length === 1 ? "1 matching frame" : `${results.length} matching frames`;
				found = `${frames}: ${quantity(sum, unit)}, ${share(sum, root.value)} of all`;
				said.textContent = found;
			})
			.onClick(node => point(node));
		chart.setColorHue(unit === "bytes" ? "aqua" : null);
		chart.setColorMapper((node, colour) => node.highlight ? "#e87bf0" : d3.interpolateRgb(differential ? mapper(node, colour) : colour, "white")(pale));

		d3.select(place).datum(root).call(chart);
		fit();
		said.textContent = found;

		function frames() { return d3.select(place).selectAll("g.frame"); }

		// The browser scales the graph until it is drawn again.
		function fit() {
			const svg = d3.select(place).select("svg");
			svg.attr("viewBox", `0 0 ${svg.attr("width")} ${svg.attr("height")}`);
		}

		function point(node) {
			current = node;
			fit();
			frames().classed("current", other => other === node);
			said.textContent = describe(node, root, unit);
		}

		function search(term) {
			if (term) { current = null; chart.search(term); } else { found = describe({ data: root }, root, unit); chart.clear(); }
			fit();
		}

		function reset() {
			chart.resetZoom();
			current = null;
			fit();
			frames().classed("current", false);
			said.textContent = found;
		}

		place.addEventListener("keydown", event => {
			const shown = new Set(frames().data());
			const all = d3.select(place).datum();
			const node = current || all;
			const siblings = node.parent ? node.parent.children.filter(sibling => shown.has(sibling)) : [node];
			const step = {
				ArrowDown: () => current ? (node.children || []).find(child => shown.has(child)) : all,
				ArrowUp: () => node.parent,
				ArrowLeft: () => siblings[siblings.indexOf(node) - 1],
				ArrowRight: () => siblings[siblings.indexOf(node) + 1],
			}[event.key];
			if (step) {
				const next = step();
				if (next) { point(next); }
			} else if (event.key === "Enter" || event.key === " ") {
				chart.zoomTo(node);
			} else if (event.key === "Escape") {
				reset();
			} else {
				return;
			}
			event.preventDefault();
		});
		field.addEventListener("input", () => search(field.value));
		figure.querySelector(".reset").addEventListener("click", reset);
		for (const button of figure.querySelectorAll("[data-search]")) {
			button.addEventListener("click", () => { field.value = button.dataset.search; search(field.value); });
		}
		return width => { chart.width(width).update(); fit(); };
	}

	// Draw a graph when it has space (not inside closed details), and again when its width changes.
	const drawn = new Map();
	const watcher = new ResizeObserver(entries => {
		for (const { target, contentRect } of entries) {
			const width = Math.floor(contentRect.width);
			if (!width) { continue; }
			if (!drawn.has(target)) {
				drawn.set(target, { width, redraw: draw(target.closest(".flame")) });
			} else if (drawn.get(target).width !== width) {
				drawn.get(target).width = width;
				drawn.get(target).redraw(width);
			}
		}
	});
	for (const place of document.querySelectorAll(".flame .chart")) { watcher.observe(place); }
})();
