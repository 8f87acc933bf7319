"""Pictures of a run, from the files in its directory. docs/DATA.md explains the columns.

Run it with the directory:  python3 docs/examples/plots.py out/testnet
It writes PNG files into the directory's folder plots/. The marks "# %%" are cells for editors that know them; there,
set RUN below. It needs matplotlib and pandas:  pip install matplotlib pandas
"""

# %% The run
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

RUN = Path(sys.argv[1] if len(sys.argv) > 1 else "out/testnet")
PLOTS = RUN / "plots"
PLOTS.mkdir(exist_ok=True)

report = json.loads((RUN / "report.json").read_text())
if "runs" in report:
    sys.exit(f"{RUN} has several runs: pandas.read_csv('{RUN}/sweep.csv') has a row for each")
deliveries = pd.read_csv(RUN / "deliveries.csv", dtype={"item": str})
hops = pd.read_csv(RUN / "hops.csv", dtype={"item": str}) if (RUN / "hops.csv").exists() else None

# Colours of Okabe and Ito, which people with any sight of colours can tell apart.
BLUE, ORANGE, GREEN, YELLOW = "#0072b2", "#d55e00", "#009e73", "#e69f00"
PINK, SKY, GREY = "#cc79a7", "#56b4e9", "#999999"
NAMES = {"tx": "transactions", "block": "blocks"}
COLOURS = {"tx": BLUE, "block": ORANGE}
plt.rcParams.update({"figure.figsize": (8, 4.5), "figure.dpi": 120})
plt.rcParams.update({"axes.grid": True, "axes.axisbelow": True, "grid.color": "#dddddd"})


def kept(figure, name):
    figure.tight_layout()
    figure.savefig(PLOTS / name)
    plt.close(figure)
    print(PLOTS / name)


# %% How soon items arrive: the README's picture
figure, axes = plt.subplots()
for kind, rows in deliveries.dropna(subset="latency_ms").groupby("kind", sort=False):
    expected = report[kind]["expected"]
    latencies = np.sort(rows["latency_ms"])
    shares = np.arange(1, len(latencies) + 1) / expected
    axes.step(latencies, shares, where="post", color=COLOURS[kind], label=NAMES[kind])
    if "floor_ms" in rows and rows["floor_ms"].notna().any():
        floors = np.sort(rows["floor_ms"].dropna())
        shares = np.arange(1, len(floors) + 1) / expected
        label = f"{NAMES[kind]}, earliest possible"
        axes.step(floors, shares, where="post", color=COLOURS[kind], linestyle=":", label=label)
axes.set(xscale="log", xlabel="time since the submission, ms (logarithmic)")
axes.set(ylabel="share of deliveries", ylim=(0, 1.02))
axes.set_title(f"{report['nodes']} nodes, {report['relay']}, wan {report['wan']}")
axes.legend(loc="upper left")
kept(figure, "cdf.png")

# %% The nodes that get items last
figure, axes = plt.subplots()
kind = "tx" if (deliveries["kind"] == "tx").any() else "block"
of_kind = deliveries[deliveries["kind"] == kind]
nodes = of_kind.groupby("node")["latency_ms"].quantile([0.5, 0.95]).unstack()
nodes = nodes.sort_values(0.95, ascending=False).head(20)
places = np.arange(len(nodes))
axes.barh(places, nodes[0.95], color=SKY, label="p95")
axes.barh(places, nodes[0.5], color=BLUE, height=0.4, label="median")
axes.set_yticks(places, [f"node {node}" for node in nodes.index])
axes.invert_yaxis()
axes.set(xlabel=f"latency of {NAMES[kind]}, ms", title="The slowest nodes")
axes.legend(loc="lower right")
kept(figure, "nodes.png")

# %% Why items came, and where the time of a hop goes
if hops is not None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    causes = hops["cause"].value_counts()
    left.bar(causes.index, causes.to_numpy(), color=BLUE)
    left.set(ylabel="deliveries", title="Why items came")
    parts = hops.groupby("cause")[["queue_ms", "wait_ms", "floor_ms", "processor_ms", "link_ms", "verify_ms"]].mean()
    parts = parts.dropna(how="all").fillna(0.0)
    parts["link_ms"] -= parts["floor_ms"] + parts["processor_ms"]
    names = {
        "queue_ms": "queue",
        "wait_ms": "waiting",
        "floor_ms": "link, its delay",
        "processor_ms": "link, busy processor",
        "link_ms": "link, the rest",
        "verify_ms": "verification",
    }
    bottom = np.zeros(len(parts))
    for (column, name), colour in zip(names.items(), [YELLOW, ORANGE, GREY, PINK, SKY, GREEN]):
        right.bar(parts.index, parts[column], bottom=bottom, color=colour, label=name)
        bottom += parts[column].to_numpy()
    right.set(ylabel="mean time of a hop, ms", title="Where the time went")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.tick_params(axis="x", rotation=30)
    kept(figure, "causes.png")

# %% What late deliveries are due to
if hops is not None and hops["blame"].notna().any():
    figure, axes = plt.subplots()
    lost = hops.dropna(subset="blame").groupby("blame")["lost_ms"].agg(["sum", "count"]).sort_values("sum").tail(12)
    bars = axes.barh(lost.index, lost["sum"] / 1000, color=ORANGE)
    axes.bar_label(bars, [f" {count} hops" for count in lost["count"]], fontsize=8)
    axes.margins(x=0.15)
    axes.set(xlabel="time lost in slow hops, s", title="What is to blame")
    kept(figure, "blame.png")
