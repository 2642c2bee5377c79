"use strict";
// The threshold explorer. Everything it shows stands in the page already, for one threshold; this only looks up
// other ones. Counts are the page's own, limits of intervals come from the page too, to 1e-7; nothing is estimated.
(() => {
  const by = (id) => document.getElementById(id);
  if (!by("explorer-data")) return;
  const data = JSON.parse(by("explorer-data").textContent);
  const grid = data.thresholds;
  /** A sentence of the page's language, its gaps filled. */
  const say = (key, gaps) => data.words[key].replace(/\{(\w+)\}/g, (_, gap) => gaps[gap]);
  const SVG = "http://www.w3.org/2000/svg";
  const UNITS = 1e7;
  const DECISIONS = 10000;
  const NOT_KNOWN = "\u2014";

  // ---- numbers along the grid -----------------------------------------------------------------------------------

  /** Columns from [distances between changes, changes of each column]. */
  const unpack = ([gaps, ...columns]) => columns.map((changes) => {
    const values = new Float64Array(grid.length);
    let at = 0;
    let value = 0;
    gaps.forEach((gap, k) => {
      values.fill(value, at, at + gap);
      at += gap;
      value += changes[k];
    });
    return values.fill(value, at);
  });

  /** A rate with its limits, which the page carries as their distances from it. */
  const rateOf = (events, n, below, above) =>
    ({value: events / n, low: events / n - below / UNITS, high: events / n + above / UNITS, events, n});

  const reader = ({n, packed}) => {
    const [events, below, above] = unpack(packed);
    return {n, events, at: (k) => n ? rateOf(events[k], n, below[k], above[k]) : null};
  };

  const worstReader = (worst) => {
    if (!worst) return () => null;
    const [which, events, below, above] = unpack(worst.packed);
    return (k) => ({...rateOf(events[k], worst.sizes[which[k]], below[k], above[k]), name: worst.names[which[k]]});
  };

  const sides = data.sides.map((side) => ({
    name: side.name,
    genuine: reader(side.genuine),
    attack: reader(side.attack),
    types: side.types.map(reader),
    worst: worstReader(side.worst),
  }));

  const nearest = (wanted) => {
    let low = 0;
    let high = grid.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (grid[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low && wanted - grid[low - 1] <= grid[low] - wanted ? low - 1 : low;
  };

  // ---- numbers as people read them: the same words as the page has elsewhere --------------------------------------

  /** Fixed decimals; exact ties go to the even digit, as they do where the page was made. */
  const fixed = (value, digits) => {
    const scaled = value * 10 ** digits;
    const tie = Math.abs(scaled % 1) === 0.5 && Number.isInteger(value * 2 ** (digits + 1));
    return (tie ? 2 * Math.round(scaled / 2) / 10 ** digits : value).toFixed(digits);
  };
  const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const count = (value) => grouped(String(value));
  const share = (value, n) => {
    const digits = n >= 10000 ? 2 : 1;
    const tick = 10 ** -digits;
    const shown = 100 * value;
    if (shown === 0 || shown === 100) return String(shown);
    if (Math.abs(shown) < tick / 2) return `<${tick}`;
    if (100 - tick / 2 < shown && shown < 100) return `>${100 - tick}`;
    return fixed(shown, digits);
  };
  const percent = (value, n) => Number.isNaN(value) ? NOT_KNOWN : `${share(value, n)}%`;
  const rateWords = (rate) => rate ? `${percent(rate.value, rate.n)} (${share(rate.low, rate.n)}\u2013${share(rate.high, rate.n)}%)` : NOT_KNOWN;
  const amount = (value) => {
    if (Number.isNaN(value)) return NOT_KNOWN;
    if (value === 0) return "0";
    return Math.abs(value) >= 100 ? grouped(fixed(value, 0)) : fixed(value, 2);
  };
  const threshold = (value) => {
    const text = String(value);
    if (text.includes("e")) return text;
    const [whole, decimals = ""] = text.split(".");
    return `${whole}.${decimals.padEnd(2, "0")}`;
  };
  const plain = (value) => String(Number(value.toPrecision(12)));

  // ---- state ------------------------------------------------------------------------------------------------------

  const state = {at: data.at, band: false, reviewAt: data.reviewAt, ...data.assumed};
  /** What passes is below this position: the lower threshold of a band, else the threshold. */
  const passBelow = () => state.band ? passBelowWanted() : state.at;
  const passBelowWanted = () => Math.min(state.reviewAt, state.at);

  const costOf = (apcer, bpcer, reviewed) =>
    DECISIONS * (state.prior * state.miss * apcer + (1 - state.prior) * state.alarm * bpcer + state.review * reviewed);
  const costAt = (side, k) => side.genuine.n && side.attack.n
    ? costOf(side.attack.events[k] / side.attack.n, side.genuine.events[k] / side.genuine.n, 0) : NaN;

  const least = (side) => {
    let best = 0;
    for (let k = 1; k < grid.length; k += 1) if (costAt(side, k) < costAt(side, best)) best = k;
    return {cost: costAt(side, best), threshold: grid[best]};
  };

  const look = (side) => {
    const i = state.at;
    const j = passBelow();
    const bpcer = side.genuine.at(i);
    const apcer = side.attack.at(j);
    const below = (k) => state.prior * side.attack.events[k] / side.attack.n
      + (1 - state.prior) * (1 - side.genuine.events[k] / side.genuine.n);
    const reviewed = i === j ? 0 : below(i) - below(j);
    const attacks = side.attack;
    const genuine = side.genuine;
    return {
      bpcer, apcer, reviewed, worst: side.worst(j),
      cost: bpcer && apcer ? costOf(apcer.value, bpcer.value, reviewed) : NaN,
      attacks: [attacks.n - attacks.events[i], attacks.events[i] - attacks.events[j], attacks.events[j]],
      genuine: [genuine.events[i], genuine.events[j] - genuine.events[i], genuine.n - genuine.events[j]],
    };
  };

  // ---- tables -----------------------------------------------------------------------------------------------------

  const cells = new Map();
  const show = (id, text, value, note, rate) => {
    if (!cells.has(id)) cells.set(id, [by(id), by(`${id}-note`)]);
    const [cell, below] = cells.get(id);
    if (!cell) return;
    if (cell.textContent !== text) cell.textContent = text;
    cell.value = Number.isNaN(value) ? "" : String(value);
    if (rate) [cell.dataset.low, cell.dataset.high] = [rate.low, rate.high];
    if (note !== null && below.textContent !== note) (below.querySelector("bdi") || below).textContent = note;
  };
  const showRate = (id, rate, note) => {
    if (rate) show(id, rateWords(rate), rate.value, note, rate);
  };

  const of = (rate) => say("of", {n: count(rate.events), total: count(rate.n)});
  const fillSide = (side, k) => {
    const now = look(side);
    showRate(`x${k}-bpcer`, now.bpcer, now.bpcer && of(now.bpcer));
    showRate(`x${k}-apcer`, now.apcer, now.apcer && of(now.apcer));
    showRate(`x${k}-worst`, now.worst, now.worst && now.worst.name);
    show(`x${k}-cost`, amount(now.cost), now.cost, null);
    show(`x${k}-review`, amount(DECISIONS * now.reviewed), DECISIONS * now.reviewed,
      state.band ? say("traffic", {share: percent(now.reviewed, 0)}) : say("nothing"));
    for (const [name, group] of [["attacks", side.attack], ["genuine", side.genuine]]) {
      now[name].forEach((value, column) =>
        show(`x${k}-${name}-${column}`, count(value), value, percent(group.n ? value / group.n : NaN, group.n)));
    }
    side.types.forEach((type, i) => showRate(`x${k}-type-${i}`, type.at(passBelow()), null));
    return now;
  };

  const says = (now) => say(state.band ? "saysReview" : "says", {
    threshold: threshold(grid[state.at]),
    review: threshold(grid[passBelow()]),
    missed: rateWords(now.apcer),
    blocked: rateWords(now.bpcer),
    n: count(DECISIONS),
    cost: amount(now.cost),
  });

  // ---- charts -----------------------------------------------------------------------------------------------------

  /** Normal deviates (Acklam, 2003), good to 1e-9: far finer than a pixel. */
  const deviate = (p) => {
    const tail = (q) => (((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q - 2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783)
      / ((((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1);
    if (p < 0.02425) return tail(Math.sqrt(-2 * Math.log(p)));
    if (p > 1 - 0.02425) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
    const q = p - 0.5;
    const r = q * q;
    return (((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r - 30.66479806614716) * r + 2.506628277459239) * q
      / (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r - 13.28068155288572) * r + 1);
  };
  const bends = {linear: (v) => v, log: Math.log, probit: deviate};
  const scaleOf = (spec) => {
    const [kind, low, high] = spec.split(" ").map((word, k) => k ? Number(word) : word);
    const bend = bends[kind];
    const scale = (value) => (bend(Math.min(Math.max(value, low), high)) - bend(low)) / (bend(high) - bend(low));
    return Object.assign(scale, {has: (value) => kind !== "probit" || (low <= value && value <= high)});
  };

  const drawn = (tag, look) => {
    const made = document.createElementNS(SVG, tag);
    made.setAttribute("class", look);
    return made;
  };

  const place = {
    bpcer: (side, k) => side.genuine.events[k] / side.genuine.n,
    apcer: (side, k) => side.attack.events[k] / side.attack.n,
    caught: (side, k) => 1 - side.attack.events[k] / side.attack.n,
    precision: (side, k) => {
      const caught = side.attack.n - side.attack.events[k];
      return caught / (caught + side.genuine.events[k]);
    },
  };

  /** A rule at a threshold, a ring on a curve, or a ring in each row; how to move it is returned. */
  const marker = (holder, which, isReview) => {
    const side = sides[which];
    const [width, height] = holder.dataset.size.split(" ").map(Number);
    const x = scaleOf(holder.dataset.x);
    const kind = holder.dataset.now;
    const look = `now${isReview ? " review" : ""}${which ? " other" : ""}`;
    if (kind === "types") {
      if (isReview) return () => {};
      const rings = side.types.map((type, row) => {
        const ring = drawn("circle", look);
        ring.setAttribute("r", 7.5);
        ring.setAttribute("cy", height * (row + 0.5));
        holder.append(ring);
        return ring;
      });
      return () => rings.forEach((ring, row) => {
        const type = side.types[row];
        ring.setAttribute("cx", (width * x(type.events[passBelow()] / type.n)).toFixed(1));
      });
    }
    if (kind === "threshold") {
      const rule = drawn("path", look);
      holder.append(rule);
      return (k, visible) => {
        const at = (width * x(grid[k])).toFixed(1);
        rule.setAttribute("d", visible ? `M${at} ${height}V0` : "");
      };
    }
    const y = scaleOf(holder.dataset.y);
    const ring = drawn("circle", look);
    ring.setAttribute("r", 8);
    holder.append(ring);
    const [across, up] = kind.split(" ");
    return (k, visible) => {
      const [a, b] = [place[across](side, k), place[up](side, k)];
      const there = visible && x.has(a) && y.has(b) && !Number.isNaN(a + b);
      ring.setAttribute("display", there ? "inline" : "none");
      if (!there) return;
      ring.setAttribute("cx", (width * x(a)).toFixed(1));
      ring.setAttribute("cy", (height * (1 - y(b))).toFixed(1));
    };
  };

  const holders = [...document.querySelectorAll("[data-now]")]
    .flatMap((holder) => (holder.dataset.sides || "0").split(" ").map((which) => [holder, Number(which)]));
  const markers = holders.map(([holder, which]) => marker(holder, which, false));
  const reviewMarkers = holders.map(([holder, which]) => marker(holder, which, true));

  const roundTop = (highest) => {
    if (!(highest > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(highest));
    return [1, 2, 4, 6, 8, 10, 20].map((factor) => factor * power).find((top) => top >= highest);
  };

  const tickWords = (cost) => {
    const [factor, letter] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([own]) => cost >= own) || [1, ""];
    return plain(cost / factor) + letter;
  };

  /** The cost chart again, for other costs: the line, the words of its axis and its sentence. */
  const drawCosts = () => {
    sides.forEach((side, k) => {
      const best = least(side);
      if (Number.isNaN(best.cost)) return;
      by(`x${k}-cost-note`).textContent = say("least", {cost: amount(best.cost), threshold: threshold(best.threshold)});
    });
    const figure = by("costs");
    if (!figure) return;
    const side = sides[0];
    const holder = figure.querySelector("[data-now]");
    const [width, height] = holder.dataset.size.split(" ").map(Number);
    const x = scaleOf(holder.dataset.x);
    const costs = Array.from(grid, (_, k) => costAt(side, k));
    const top = roundTop(Math.max(...costs));
    const points = costs.map((cost, k) => `${(width * x(grid[k])).toFixed(1)} ${(height * (1 - cost / top)).toFixed(1)}`);
    holder.querySelector(".line").setAttribute("d", `M${points.join("L")}`);
    holder.querySelectorAll(".tick[text-anchor=end]").forEach((tick, k) => { tick.textContent = tickWords(top * k / 4); });
    const best = least(side);
    const words = say("costs", {
      prior: `${plain(100 * state.prior)}%`,
      miss: plain(state.miss),
      alarm: plain(state.alarm),
      n: count(DECISIONS),
      threshold: threshold(best.threshold),
      cost: amount(best.cost),
    });
    by("costs-lead").textContent = words;
    by("costs-desc").textContent = words;
  };

  // ---- the policy's JSON and the address --------------------------------------------------------------------------

  const estimateFor = (old, rate) => old && rate ? {...old, value: rate.value, low: rate.low, high: rate.high, n: rate.n} : old;
  const policyText = (now) => {
    const old = data.policy;
    const seen = old.rates.in_sample;
    const [caught, looked, passed] = now.attacks;
    const [blocked, cleared, let_pass] = now.genuine;
    const reviewFrom = state.band ? grid[passBelow()] : null;
    const policy = {
      ...old,
      cut: {...old.cut, reject_from: grid[state.at], review_from: reviewFrom},
      rates: {
        ...old.rates,
        in_sample: {
          ...seen,
          threshold: grid[state.at],
          confusion: {tp: caught + looked, fn: passed, fp: blocked, tn: cleared + let_pass},
          apcer: estimateFor(seen.apcer, now.apcer),
          bpcer: estimateFor(seen.bpcer, now.bpcer),
          apcer_worst: now.worst && seen.apcer_worst
            ? {...estimateFor(seen.apcer_worst, now.worst), attack_type: now.worst.name} : seen.apcer_worst,
        },
      },
    };
    return JSON.stringify(policy, null, 1)
      .replace(/[^\n -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  };

  const fields = {p: ["prior", 1], miss: ["miss"], alarm: ["alarm"], c: ["review"]};
  const address = () => {
    const query = new URLSearchParams({t: grid[state.at]});
    for (const [key, [name]] of Object.entries(fields)) if (state[name] !== data.assumed[name]) query.set(key, state[name]);
    if (state.band) query.set("r", grid[passBelow()]);
    return `#${query}`;
  };

  const restore = () => {
    const query = new URLSearchParams(location.hash.slice(1));
    if (!query.has("t")) return false;
    const number = (key) => {
      const text = query.get(key);
      return text !== null && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : null;
    };
    state.at = number("t") === null ? data.at : nearest(number("t"));
    for (const [key, [name, most = Infinity]] of Object.entries(fields)) {
      const value = number(key);
      state[name] = value !== null && value >= 0 && value <= most ? value : data.assumed[name];
    }
    state.band = number("r") !== null;
    if (state.band) state.reviewAt = nearest(number("r"));
    return true;
  };

  let timer = 0;
  /** What need not keep up with the slider: the address, the words for screen readers, the policy. */
  const settle = () => {
    clearTimeout(timer);
    timer = 0;
    try {
      history.replaceState(null, "", address());
    } catch {
      // a page inside a frame may not; the numbers do not need it
    }
    by("x-live").textContent = sides.map((side) => (side.name ? `${side.name}: ` : "") + says(look(side))).join(" ");
    if (!data.policy) return;
    const text = policyText(look(sides[0]));
    by("x-policy").value = text;
    const link = by("x-policy-link");
    if (link) link.setAttribute("href", `data:application/json;charset=utf-8,${encodeURIComponent(text)}`);
    by("x-copied").textContent = "";
  };

  const slide = by("x-slide");
  const reviewSlide = by("x-review-slide");
  const update = (costsToo) => {
    if (costsToo) drawCosts();
    const now = sides.map(fillSide)[0];
    if (by("x-says")) by("x-says").textContent = says(now);
    slide.value = state.at;
    slide.setAttribute("aria-valuetext", threshold(grid[state.at]));
    reviewSlide.value = passBelowWanted();
    reviewSlide.setAttribute("aria-valuetext", threshold(grid[passBelowWanted()]));
    markers.forEach((move) => move(state.at, true));
    reviewMarkers.forEach((move) => move(passBelow(), state.band && passBelow() !== state.at));
    if (!timer) timer = setTimeout(settle, 200);
  };

  /** Write the state into the fields, after it was restored or moved. */
  const fill = () => {
    by("x-at").value = threshold(grid[state.at]);
    by("x-review-at").value = threshold(grid[passBelowWanted()]);
    by("x-prior").value = plain(100 * state.prior);
    for (const [id, name] of [["x-miss", "miss"], ["x-alarm", "alarm"], ["x-review-cost", "review"]]) by(id).value = state[name];
    by("x-band").checked = state.band;
    for (const id of ["x-review-slide", "x-review-at", "x-review-cost"]) by(id).disabled = !state.band;
  };

  // ---- what people do ---------------------------------------------------------------------------------------------

  const moveTo = (position) => {
    state.at = position;
    by("x-at").value = threshold(grid[position]);
    by("x-review-at").value = threshold(grid[passBelowWanted()]);
    update(false);
  };
  const reviewFrom = (position) => {
    state.reviewAt = Math.min(position, state.at);
    by("x-review-at").value = threshold(grid[state.reviewAt]);
    update(false);
  };
  slide.addEventListener("input", () => moveTo(Number(slide.value)));
  reviewSlide.addEventListener("input", () => reviewFrom(Number(reviewSlide.value)));
  const typed = (id, then, now) => by(id).addEventListener("change", () => {
    const value = by(id).valueAsNumber;
    then(Number.isFinite(value) ? nearest(value) : now());
  });
  typed("x-at", moveTo, () => state.at);
  typed("x-review-at", reviewFrom, passBelowWanted);
  document.querySelectorAll("[data-to]").forEach((button) =>
    button.addEventListener("click", () => moveTo(nearest(Number(button.dataset.to)))));
  /** A cost or a share while it is typed; what is no such number changes nothing. */
  const priced = (id, name, read, most) => by(id).addEventListener("input", () => {
    const text = by(id).value;
    const value = read(text);
    const fits = text !== "" && value >= 0 && value <= most;
    by(id).setAttribute("aria-invalid", String(!fits));
    if (!fits) return;
    state[name] = value;
    update(true);
  });
  // "2" is 0.02 to the last digit this way, which 2 / 100 need not be
  priced("x-prior", "prior", (text) => /e/i.test(text) ? Number(text) / 100 : Number(`${text}e-2`), 1);
  priced("x-miss", "miss", Number, 1e12);
  priced("x-alarm", "alarm", Number, 1e12);
  priced("x-review-cost", "review", Number, 1e12);
  by("x-band").addEventListener("change", () => {
    state.band = by("x-band").checked;
    fill();
    update(false);
  });
  if (data.policy) {
    if (by("x-policy-link")) by("x-policy-link").addEventListener("click", settle); // what is downloaded is what is shown
    by("x-copy").addEventListener("click", async () => {
      settle();
      const area = by("x-policy");
      let done = true;
      try {
        await navigator.clipboard.writeText(area.value);
      } catch {
        area.select();
        done = document.execCommand("copy");
      }
      by("x-copied").textContent = say(done ? "copied" : "selected");
    });
  }

  // ---- begin ------------------------------------------------------------------------------------------------------

  const off = document.querySelectorAll("#explorer [disabled]");
  off.forEach((control) => { control.disabled = false; });
  by("x-off").remove();
  if (by("x-marker")) by("x-marker").hidden = false;
  const moved = restore();
  fill();
  update(moved);
  if (moved) by("explorer").scrollIntoView();
  clearTimeout(timer); // nobody has moved anything yet: no new address, nothing to announce
  timer = 0;
  if (moved) settle();
  addEventListener("hashchange", () => {
    if (!restore()) return;
    fill();
    update(true);
  });
})();
