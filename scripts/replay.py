#!/usr/bin/env python3
"""Writes internal/replay/data/homes.csv.gz and offices.csv.gz, once.

Usage: scripts/replay.py DIRECTORY

The directory has citylearn_home_1.csv to citylearn_home_5.csv (Building_1 to
Building_5 of the CityLearn challenge 2022, MIT) and bdg2_hourly.csv (the sample
of Building Data Genome 2 in skforecast-datasets, CC BY-SA 4.0). What is written
are whole watt hours, a row an hour; internal/replay/data/README.md says which.
"""
import csv, gzip, os, sys

# What their roofs hold, kW: nominal_power of the challenge's schema.json.
PANELS = [4, 4, 4, 5, 4]


def rows(name):
    with open(os.path.join(sys.argv[1], name), newline="") as f:
        return list(csv.DictReader(f))


def write(name, head, table):
    text = "\n".join(",".join(str(v) for v in row) for row in [head] + table) + "\n"
    with open(os.path.join("internal/replay/data", name), "wb") as f:
        with gzip.GzipFile("", "wb", 9, f, 0) as z:
            z.write(text.encode())


homes = [rows(f"citylearn_home_{i}.csv") for i in range(1, 6)]
write("homes.csv.gz",
      [f"load{i}_wh" for i in range(1, 6)] + [f"pv{i}_wh" for i in range(1, 6)],
      [[round(float(r["non_shiftable_load"]) * 1000) for r in hour] +
       [round(float(r["solar_generation"]) * kw) for r, kw in zip(hour, PANELS)]
       for hour in zip(*homes)])
write("offices.csv.gz", ["building1_wh", "building2_wh"],
      [[round(float(r[c]) * 1000) for c in ("building_1", "building_2")] for r in rows("bdg2_hourly.csv")])
